package web

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
)

// phrases are nginx's reason phrases, where net/http has others.
var phrases = map[int]string{
	http.StatusFound:              "Moved Temporarily",
	http.StatusMethodNotAllowed:   "Not Allowed",
	http.StatusRequestTimeout:     "Request Time-out",
	http.StatusRequestURITooLong:  "Request-URI Too Large",
	http.StatusServiceUnavailable: "Service Temporarily Unavailable",
	http.StatusGatewayTimeout:     "Gateway Time-out",
}

// asNginx rewrites the status line at the beginning of an answer of net/http, which
// cannot be told another: nginx says HTTP/1.1 to clients of HTTP/1.0 too (protocol
// 3.1), and has phrases of its own. final is false before the answer proper: for
// 100 Continue, and for what is no answer.
func asNginx(b []byte) (answer []byte, final bool) {
	const version, line = "HTTP/1.1 ", "HTTP/1.1 200"
	end := bytes.IndexByte(b, '\r')
	if end < len(line) || !bytes.HasPrefix(b, []byte("HTTP/1.")) {
		return b, false
	}
	code, err := strconv.Atoi(string(b[len(version):len(line)]))
	if err != nil || code < http.StatusOK {
		return b, false
	}
	status := b[len(version):end]
	if phrase := phrases[code]; phrase != "" {
		status = []byte(strconv.Itoa(code) + " " + phrase)
	} else if bytes.HasPrefix(b, []byte(version)) {
		return b, true
	}
	return slices.Concat([]byte(version), status, b[end:]), true
}

// tooLargePage is nginx's answer to a body that is too large, of the release that
// the transcripts are from.
const tooLargePage = "<html>\r\n<head><title>413 Request Entity Too Large</title></head>\r\n<body>\r\n" +
	"<center><h1>413 Request Entity Too Large</h1></center>\r\n<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n"

// tooLarge answers a body that is over client_max_body_size, as nginx does itself
// and not the module.
func tooLarge(w http.ResponseWriter) {
	h := w.Header()
	h["Connection"] = []string{"close"}
	h["Content-Type"] = []string{"text/html"}
	h["Content-Length"] = []string{strconv.Itoa(len(tooLargePage))}
	w.WriteHeader(http.StatusRequestEntityTooLarge)
	_, _ = w.Write([]byte(tooLargePage)) // the client's trouble
}

package board

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
)

// asset is one file as it is served.
type asset struct {
	content     []byte
	contentType string
	etag        string
	// zipped is the content compressed, with a tag of its own (RFC 9110, 8.8.3);
	// nil if that is not smaller.
	zipped     []byte
	zippedEtag string
}

func newAsset(content []byte, contentType string, compress bool) asset {
	sum := sha256.Sum256(content)
	hash := hex.EncodeToString(sum[:12])
	a := asset{content: content, contentType: contentType, etag: `"` + hash + `"`}
	if !compress {
		return a
	}
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // a level that there is
	_, _ = w.Write(content)                               // into memory
	_ = w.Close()
	if b.Len() < len(content) {
		a.zipped, a.zippedEtag = b.Bytes(), `"`+hash+`-gzip"`
	}
	return a
}

// acceptsGzip reads an Accept-Encoding header (RFC 9110, 12.5.3).
func acceptsGzip(header string) bool {
	any := false
	for part := range strings.SplitSeq(header, ",") {
		coding, parameter, _ := strings.Cut(part, ";")
		coding = strings.ToLower(strings.TrimSpace(coding))
		if coding != "gzip" && coding != "*" {
			continue
		}
		q, isWeight := strings.CutPrefix(strings.ReplaceAll(parameter, " ", ""), "q=")
		weight, err := strconv.ParseFloat(q, 64)
		wanted := !isWeight || err == nil && weight > 0
		if coding == "gzip" {
			return wanted
		}
		any = wanted
	}
	return any
}

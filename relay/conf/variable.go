package conf

import (
	"fmt"
	"regexp"
	"strings"

	"alertrelay/relay/site"
)

// supportedVariables are those that every request has.
var supportedVariables = nameSet(`uri document_uri request_uri args query_string is_args host hostname remote_addr remote_port
	server_addr server_port server_name server_protocol scheme https request_method content_type content_length`)

// variablePrefixes begin the names of variables that follow a name of the
// request's.
var variablePrefixes = []string{"arg_", "http_", "cookie_"}

// otherVariables are nginx's, but not here.
var otherVariables = nameSet(`ancient_browser modern_browser msie binary_remote_addr body_bytes_sent bytes_sent connection connection_requests
	connection_time connections_active connections_reading connections_waiting connections_writing date_gmt date_local document_root
	fastcgi_path_info fastcgi_script_name geoip_country_code geoip_city gzip_ratio http2 http3 invalid_referer limit_conn_status limit_rate
	limit_req_status msec nginx_version pid pipe proxy_add_x_forwarded_for proxy_host proxy_port proxy_protocol_addr proxy_protocol_port
	proxy_protocol_server_addr proxy_protocol_server_port realip_remote_addr realip_remote_port realpath_root remote_user request request_body
	request_body_file request_completion request_filename request_id request_length request_time secure_link secure_link_expires status
	tcpinfo_rtt tcpinfo_rttvar tcpinfo_snd_cwnd tcpinfo_rcv_space time_iso8601 time_local uid_got uid_reset uid_set upstream_addr
	upstream_status upstream_response_time upstream_cache_status upstream_connect_time upstream_header_time upstream_response_length`)

var otherVariablePrefixes = []string{"ssl_", "sent_http_", "sent_trailer_", "upstream_http_", "upstream_cookie_", "upstream_trailer_", "proxy_protocol_tlv_", "geoip_", "jwt_"}

func nameSet(names string) map[string]bool {
	set := make(map[string]bool)
	for name := range strings.FieldsSeq(names) {
		set[name] = true
	}
	return set
}

// variables are the names that may be used in a configuration.
type variables struct {
	own     map[string]bool   // of set, and named captures; in lower case
	foreign map[string]string // name in lower case -> who defines it, which is not supported
}

// capture notes the named captures of a regular expression.
func (v *variables) capture(re *regexp.Regexp) {
	for _, name := range re.SubexpNames() {
		if name != "" {
			v.own[strings.ToLower(name)] = true
		}
	}
}

// check says what is wrong with the variables of a text.
func (v *variables) check(text string) error {
	names, err := site.Variables(text)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := v.known(name); err != nil {
			return err
		}
	}
	return nil
}

func (v *variables) known(name string) error {
	lower := strings.ToLower(name)
	if v.own[lower] || supportedVariables[lower] || len(name) == 1 && name >= "1" && name <= "9" {
		return nil
	}
	if by := v.foreign[lower]; by != "" {
		return fmt.Errorf(`variable "$%s" is set by %s, which is not supported`, name, by)
	}
	for _, p := range variablePrefixes {
		if strings.HasPrefix(lower, p) && len(name) > len(p) {
			return nil
		}
	}
	if otherVariables[lower] {
		return fmt.Errorf(`variable "$%s" is not supported`, name)
	}
	for _, p := range otherVariablePrefixes {
		if strings.HasPrefix(lower, p) {
			return fmt.Errorf(`variable "$%s" is not supported`, name)
		}
	}
	return fmt.Errorf(`unknown "%s" variable`, name)
}

package conf

import (
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/goccy/go-yaml/ast"

	"alertrelay/relay/site"
)

// siteReader reads the keys push_stream, servers and locations of our YAML.
type siteReader struct {
	*yamlReader
	site  site.Site
	given bool // one of the keys is there
	vars  variables
	texts []usedText
	// limits is true if one of the module's limits of all channels is given.
	limits bool
}

// usedText is a text with variables, which are checked when all are known.
type usedText struct{ where, key, text string }

func newSiteReader(r *yamlReader) *siteReader {
	return &siteReader{yamlReader: r, site: site.New(), vars: variables{own: map[string]bool{site.RestVariable: true}}}
}

// addTo adds the keys to those of the top of the file.
func (r *siteReader) addTo(top fields) {
	top["push_stream"] = func(n ast.Node, key string) {
		r.given = true
		r.site.Origin = r.place(n)
		r.mapping(n, key, r.pushStream())
	}
	top["servers"] = func(n ast.Node, key string) {
		r.given = r.given || !isNull(n)
		for i, item := range r.sequence(n, key) {
			r.site.Servers = append(r.site.Servers, r.server(item, fmt.Sprintf("%s[%d]", key, i)))
		}
	}
	top["locations"] = func(n ast.Node, key string) {
		if isNull(n) {
			return
		}
		r.given = true
		s := r.newServer(n)
		s.Locations = r.locations(n, key, inheritedDefaults(), nil)
		// First, so that it does not depend on the order of the keys.
		r.site.Servers = append([]site.Server{s}, r.site.Servers...)
	}
}

func isNull(n ast.Node) bool {
	_, null := n.(*ast.NullNode)
	return n == nil || null
}

// finish checks what depends on more than one key. It returns nil if the file
// has none of them.
func (r *siteReader) finish() *site.Site {
	if !r.given {
		return nil
	}
	s := &r.site
	if r.limits && s.MessageTTL == 0 {
		s.MessageTTL = defaultMessageTTL
	}
	s.ChooseDefaults()
	for _, u := range r.texts {
		if err := r.vars.check(u.text); err != nil {
			r.report(u.where, "%s: %s", u.key, err)
		}
	}
	r.checkDefaults()
	for _, srv := range s.Servers {
		r.checkWildcards(srv.Locations)
	}
	return s
}

func (r *siteReader) checkDefaults() {
	seen := make(map[string]string)
	for _, srv := range r.site.Servers {
		for _, l := range srv.Listen {
			if other := seen[l.Key()]; l.Default && other != "" {
				r.report(srv.Origin, "servers: %s has the default server at %s already", l.Key(), other)
			} else if l.Default {
				seen[l.Key()] = srv.Origin
			}
			if l.TLS && (srv.CertFile == "" || srv.KeyFile == "") {
				r.report(srv.Origin, "servers: %s has tls, so cert and key are needed", l.Key())
			}
		}
	}
}

func (r *siteReader) checkWildcards(list []site.Location) {
	s := &r.site
	for _, l := range list {
		switch {
		case l.WildcardMax > 0 && s.WildcardPrefix == "":
			r.report(l.Origin, "wildcard_max: there are no wildcard channels without push_stream.wildcard_prefix")
		case s.MaxWildcardChannels > 0 && l.WildcardMax > s.MaxWildcardChannels:
			r.report(l.Origin, "wildcard_max: %d is more than push_stream.max_wildcard_channels, %d", l.WildcardMax, s.MaxWildcardChannels)
		}
		r.checkWildcards(l.Locations)
	}
}

func (r *siteReader) pushStream() fields {
	s := &r.site
	limit := func(f field) field {
		return func(n ast.Node, key string) {
			r.limits = true
			f(n, key)
		}
	}
	return fields{
		"shared_memory":   r.size(&s.SharedMemory),
		"deleted_text":    r.bytes(keep(&s.DeletedText)),
		"ping_text":       r.bytes(keep(&s.PingText)),
		"inactivity_time": r.duration(&s.InactivityTime),
		"timeout_body":    r.flag(&s.TimeoutBody),
		"message_ttl": limit(r.text(func(v string) (err error) {
			if s.MessageTTL, err = ParseDuration(v); err != nil {
				return err
			}
			return checkMaxAge(s.MessageTTL)
		})),
		"max_messages":          limit(r.number(&s.MaxMessages)),
		"max_subscribers":       limit(r.number(&s.MaxSubscribers)),
		"max_channel_id":        limit(r.number(&s.MaxChannelID)),
		"max_channels":          r.number(&s.MaxChannels),
		"max_wildcard_channels": r.number(&s.MaxWildcardChannels),
		"wildcard_prefix":       r.bytes(keep(&s.WildcardPrefix)),
		"events_channel":        r.bytes(keep(&s.EventsChannel)),
	}
}

// bytes makes a field of a function that takes a text, or bytes as !!binary.
func (r *siteReader) bytes(set func(string) error) field {
	return func(n ast.Node, key string) {
		if tag, ok := n.(*ast.TagNode); ok && tag.GetToken().Value == "!!binary" {
			r.text(func(s string) error {
				b, err := base64.StdEncoding.DecodeString(s)
				if err != nil {
					return errors.New("is no base64")
				}
				return set(string(b))
			})(n, key)
			return
		}
		r.text(set)(n, key)
	}
}

func keep(to *string) func(string) error {
	return func(s string) error {
		*to = s
		return nil
	}
}

// expression is a text with variables.
func (r *siteReader) expression(set func(string)) field {
	return func(n ast.Node, key string) {
		r.bytes(func(s string) error {
			set(s)
			r.texts = append(r.texts, usedText{r.place(n), key, s})
			return nil
		})(n, key)
	}
}

func (r *siteReader) value(to *site.Value) field {
	return r.expression(func(s string) { *to = site.ValueOf(s) })
}

func (r *siteReader) duration(to *time.Duration) field {
	return r.text(func(s string) (err error) { *to, err = ParseDuration(s); return err })
}

func (r *siteReader) flag(to *bool) field {
	return r.text(func(s string) (err error) { *to, err = parseBool(s); return err })
}

func (r *siteReader) number(to *int) field {
	return r.text(func(s string) (err error) { *to, err = parseCount(s); return err })
}

func (r *siteReader) size(to *int64) field {
	return r.text(func(s string) (err error) { *to, err = ParseSize(s); return err })
}

// items gives the items of a list, or n itself if it is none.
func (r *siteReader) items(n ast.Node, key string) []ast.Node {
	if value, ok := r.resolve(n); !ok {
		return nil
	} else if _, list := value.(*ast.SequenceNode); !list {
		return []ast.Node{n}
	}
	return r.sequence(n, key)
}

// strings is a field of one text or several.
func (r *siteReader) strings(to *[]string, check func(string) error) field {
	return func(n ast.Node, key string) {
		*to = nil
		for _, item := range r.items(n, key) {
			r.bytes(func(s string) error {
				*to = append(*to, s)
				return check(s)
			})(item, key)
		}
	}
}

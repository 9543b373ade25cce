package mapping

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/tidwall/gjson"

	"alertrelay/alerts"
)

// Bounds of what is taken from a body.
const (
	maxText    = 1 << 10
	maxURL     = 64 << 10 // longer ones are left out
	maxMembers = 256      // of a "*"
	maxName    = 1 << 10  // of a member
)

// Mapping makes alerts of any JSON. It may be used by several goroutines at once.
type Mapping struct {
	form, each                            string
	identity                              []value
	status                                value
	words                                 map[string]alerts.Status // by lower case
	patterns                              []pattern
	labels, annotations, links, values    fields
	startsAt, endsAt, reportedAt          timeValue
	generatorURL, reason, by, commentText value
}

// ignored is the status of what means nothing.
const ignored alerts.Status = "ignored"

// pattern is a word with "*" at either end or both.
type pattern struct {
	prefix, suffix, text string
	status               alerts.Status
}

// fields are the texts of one kind.
type fields struct {
	named map[string]*value
	all   *value // of which every member is one; nil if there is none
}

// Sender is a sender whose bodies the mapping reads.
func (m *Mapping) Sender() alerts.Sender { return alerts.Sender{Decode: m.Decode} }

// Decode is an alerts.Decoder. Of a list, what has no meaning is Batch.Invalid,
// and the rest is in it.
func (m *Mapping) Decode(source string, head http.Header, body []byte) (alerts.Batch, error) {
	text, err := jsonBody(head, body, m.form)
	if err != nil {
		return alerts.Batch{}, err
	}
	batch := alerts.Batch{Source: source}
	s := &scope{header: head, body: text, element: text, found: make(map[string]gjson.Result)}
	if m.each == "" {
		a, ok, err := m.alert(s)
		if err != nil {
			return alerts.Batch{}, err
		}
		if ok {
			a.Source = source
			batch.Alerts = append(batch.Alerts, a)
		}
		return batch, nil
	}
	list := gjson.Get(text, m.each)
	switch {
	case list.IsArray() || list.IsObject():
	case m.each == "@this":
		return alerts.Batch{}, unmapped("body: is neither an object nor a list")
	default:
		return alerts.Batch{}, unmapped("each: there is no list at %s", m.each)
	}
	elements, bad := 0, 0
	var first string
	each := func(_, item gjson.Result) bool {
		if elements++; elements > alerts.MaxAlerts {
			err = alerts.ErrTooMany
			return false
		}
		s.element = item.Raw
		a, ok, wrong := m.alert(s)
		switch {
		case wrong != nil:
			if bad++; bad == 1 && list.IsArray() {
				first = fmt.Sprintf("element %d: ", elements-1)
			}
			if bad == 1 {
				first += wrong.Error()
			}
		case ok:
			a.Source = source
			batch.Alerts = append(batch.Alerts, a)
		}
		return true
	}
	if list.IsArray() {
		list.ForEach(each)
	} else {
		each(gjson.Result{}, list)
	}
	if err != nil {
		return alerts.Batch{}, err
	}
	if bad > 0 {
		if bad > 1 {
			first += fmt.Sprintf("; as many more have no meaning: %d", bad-1)
		}
		batch.Invalid = unmapped("%s", first)
		if len(batch.Alerts) == 0 {
			return alerts.Batch{}, batch.Invalid
		}
	}
	return batch, nil
}

func unmapped(format string, args ...any) error {
	return &alerts.UnmappedError{Reason: fmt.Sprintf(format, args...)}
}

// alert makes one alert. ok is false if what is there means nothing.
func (m *Mapping) alert(s *scope) (a alerts.Alert, ok bool, err error) {
	status, err := m.statusOf(s)
	if err != nil || status == ignored {
		return alerts.Alert{}, false, err
	}
	a = alerts.Alert{Status: status, Changing: true}
	if a.Fingerprint, err = m.fingerprint(s); err != nil {
		return alerts.Alert{}, false, err
	}
	a.Labels = m.labels.texts(s, alerts.MaxLabelBytes)
	if err := alerts.CheckLabels(a.Labels); err != nil && (len(a.Labels) > 0 || status == alerts.Firing) {
		return alerts.Alert{}, false, unmapped("labels: %s", err)
	}
	a.Annotations = m.annotations.texts(s, alerts.MaxAnnotationBytes)
	a.Links = m.links.texts(s, maxURL)
	a.Values = m.values.texts(s, maxText)
	if url, _, _ := m.generatorURL.text(s); len(url) <= maxURL {
		a.GeneratorURL = url
	}
	a.Reason = m.reason.cut(s, maxText)
	by, comment := m.by.cut(s, maxText), m.commentText.cut(s, alerts.MaxAnnotationBytes)
	switch status {
	case alerts.Acknowledged:
		a.By, a.Comment = by, comment
	case alerts.Suppressed:
		a.Suppression = &alerts.Suppression{Kind: "silence", By: by, Comment: comment}
	}
	for _, t := range []struct {
		key  string
		from *timeValue
		to   *time.Time
	}{
		{"starts_at", &m.startsAt, &a.StartsAt}, {"ends_at", &m.endsAt, &a.EndsAt}, {"reported_at", &m.reportedAt, &a.ReportedAt},
	} {
		if t.to == &a.EndsAt && status != alerts.Resolved {
			continue
		}
		var ok bool
		if *t.to, ok = t.from.time(s); !ok {
			return alerts.Alert{}, false, unmapped("%s: what is there is no time in this layout; give the mapping another", t.key)
		}
	}
	return a, true, nil
}

func (m *Mapping) statusOf(s *scope) (alerts.Status, error) {
	word, _, found := m.status.text(s)
	if !found {
		return "", unmapped("status: there is nothing at %s", m.status.places())
	}
	word = strings.ToLower(word)
	if status, ok := m.words[word]; ok {
		return status, nil
	}
	for _, p := range m.patterns {
		if strings.HasPrefix(word, p.prefix) && strings.HasSuffix(word, p.suffix) && strings.Contains(word, p.text) {
			return p.status, nil
		}
	}
	return "", unmapped("status: what is at %s is in none of the lists firing, resolved, suppressed, acknowledged, ignored", m.status.places())
}

// places are where a value could have been found.
func (v *value) places() string {
	var names []string
	for _, from := range v.from {
		switch from.kind {
		case constant:
		case header:
			names = append(names, "header "+from.text)
		default:
			names = append(names, from.text)
		}
	}
	return strings.Join(names, " or ")
}

// fingerprint tells texts apart by their lengths, not by something between them.
func (m *Mapping) fingerprint(s *scope) (string, error) {
	h := sha256.New()
	anything := false
	for i := range m.identity {
		text, isConstant, found := m.identity[i].text(s)
		if !found {
			return "", unmapped("%s: there is nothing at %s", at("identity", i), m.identity[i].places())
		}
		anything = anything || !isConstant
		h.Write(binary.AppendUvarint(nil, uint64(len(text))))
		h.Write([]byte(text))
	}
	if !anything {
		return "", unmapped("identity: there is nothing of it in the body")
	}
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}

// texts returns nil if there are none. A text of maxURL or more is a URL, and
// left out if it is longer.
func (f *fields) texts(s *scope, maxBytes int) map[string]string {
	texts := make(map[string]string)
	set := func(name, text string) {
		switch {
		case text == "":
			delete(texts, name)
		case maxBytes < maxURL || len(text) <= maxURL:
			texts[name] = alerts.Cut(text, maxBytes)
		}
	}
	if f.all != nil {
		for _, from := range f.all.from {
			members(s.result(from), func(name, text string) bool {
				if name != "" && len(name) <= maxName && !strings.ContainsFunc(name, unicode.IsControl) {
					set(name, text)
				}
				return len(texts) < maxMembers
			})
			if len(texts) > 0 {
				break
			}
		}
	}
	for name, v := range f.named {
		if text, _, found := v.text(s); found {
			set(name, text)
		}
	}
	if len(texts) == 0 {
		return nil
	}
	return texts
}

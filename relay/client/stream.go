package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"
)

// stream reads one answer of the streaming location, an endless page of script
// elements that call p(id,'channel','text',...).
func (s *subscriber) stream(ctx context.Context) error {
	resp, touch, err := s.get(ctx, "/sub/", s.o.IdleTimeout)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	s.snapshot(resp.Header)
	s.connected()
	var element strings.Builder
	for r := bufio.NewReader(resp.Body); ; {
		part, err := r.ReadString('>')
		if errors.Is(err, io.EOF) {
			return errEnded
		}
		if err != nil {
			return err
		}
		touch()
		element.WriteString(part)
		if !strings.HasSuffix(part, "</script>") {
			continue
		}
		text := element.String()
		element.Reset()
		if i := strings.LastIndex(text, scriptStart); i >= 0 {
			m, err := parseCall(strings.TrimSuffix(text[i+len(scriptStart):], "</script>"))
			if err != nil {
				return err
			}
			if err := s.deliver(m); err != nil {
				return err
			}
		}
	}
}

const scriptStart = "<script>p("

// parseCall reads the arguments of p, the order of pushstream.js: id, channel,
// text, event id, time, tag.
func parseCall(call string) (Message, error) {
	args, err := parseArguments(call)
	if err != nil {
		return Message{}, fmt.Errorf("client: reading a message of the page: %w", err)
	}
	if len(args) < 6 {
		return Message{}, errors.New("client: the page's messages carry no time and tag to go on from")
	}
	e := envelope{Channel: args[1], Text: args[2], EventID: args[3], Time: args[4]}
	if e.ID, err = strconv.ParseInt(args[0], 10, 64); err == nil {
		err = e.Tag.UnmarshalJSON([]byte(args[5]))
	}
	if err != nil {
		return Message{}, fmt.Errorf("client: reading a message of the page: %w", err)
	}
	return e.message()
}

// parseArguments reads numbers and quoted strings between commas, up to the
// closing parenthesis.
func parseArguments(s string) (args []string, err error) {
	for {
		if s == "" {
			return nil, io.ErrUnexpectedEOF
		}
		var arg string
		if s[0] == '\'' || s[0] == '"' {
			if arg, s, err = unquote(s); err != nil {
				return nil, err
			}
		} else {
			i := strings.IndexAny(s, ",)")
			if i < 0 {
				return nil, io.ErrUnexpectedEOF
			}
			arg, s = s[:i], s[i:]
		}
		args = append(args, arg)
		if !strings.HasPrefix(s, ",") {
			if strings.HasPrefix(s, ")") {
				return args, nil
			}
			return nil, errors.New("no comma after an argument")
		}
		s = s[1:]
	}
}

// unquote reads the JavaScript string literal that s begins with.
func unquote(s string) (value, rest string, err error) {
	var b strings.Builder
	quote := s[0]
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == quote:
			return b.String(), s[i+1:], nil
		case c != '\\':
			b.WriteByte(c)
		case i+1 < len(s):
			i++
			switch s[i] {
			case 'n':
				b.WriteByte('\n')
			case 'r':
				b.WriteByte('\r')
			case 't':
				b.WriteByte('\t')
			case 'b':
				b.WriteByte('\b')
			case 'f':
				b.WriteByte('\f')
			case 'v':
				b.WriteByte('\v')
			case '0':
				b.WriteByte(0)
			case 'x', 'u':
				r, n := codePoint(s[i:])
				if n == 0 {
					return "", "", fmt.Errorf("bad escape in %q", s[i:min(len(s), i+6)])
				}
				b.WriteRune(r)
				i += n - 1
			default:
				b.WriteByte(s[i])
			}
		}
	}
	return "", "", io.ErrUnexpectedEOF
}

// codePoint reads xHH, uHHHH, or a pair of surrogates uHHHH\uHHHH, and how many
// bytes that was; 0 if it is none of them.
func codePoint(s string) (rune, int) {
	digits := 4
	if s[0] == 'x' {
		digits = 2
	}
	if len(s) < 1+digits {
		return 0, 0
	}
	v, err := strconv.ParseUint(s[1:1+digits], 16, 32)
	if err != nil {
		return 0, 0
	}
	r := rune(v)
	if utf16.IsSurrogate(r) && len(s) >= 11 && s[5:7] == `\u` {
		if low, err := strconv.ParseUint(s[7:11], 16, 32); err == nil {
			return utf16.DecodeRune(r, rune(low)), 11
		}
	}
	return r, 1 + digits
}

package conf

import (
	"errors"
	"fmt"
	"strings"
)

// endFile is the end of a file, where a directive ends at ';', '{' or '}'.
const endFile = 0

// tokenizer splits a file into words, by nginx's rules.
type tokenizer struct {
	src, file string
	pos, line int
}

// next gives the words of one directive, the line that they begin on, and what
// ends them. There are none before '}' and endFile.
func (t *tokenizer) next() (words []string, line int, end byte, err error) {
	for {
		t.skip()
		if t.pos >= len(t.src) {
			if len(words) > 0 {
				return nil, 0, 0, errors.New(`unexpected end of file, expecting ";" or "}"`)
			}
			return nil, t.line, endFile, nil
		}
		switch c := t.src[t.pos]; c {
		case ';', '{':
			t.pos++
			if len(words) == 0 {
				return nil, 0, 0, fmt.Errorf(`unexpected "%c"`, c)
			}
			return words, line, c, nil
		case '}':
			t.pos++
			if len(words) > 0 {
				return nil, 0, 0, errors.New(`unexpected "}"`)
			}
			return nil, t.line, c, nil
		}
		if len(words) == 0 {
			line = t.line
		}
		word, err := t.word()
		if err != nil {
			return nil, 0, 0, err
		}
		words = append(words, word)
	}
}

// skip passes over space and comments.
func (t *tokenizer) skip() {
	for ; t.pos < len(t.src); t.pos++ {
		switch t.src[t.pos] {
		case '\n':
			t.line++
		case ' ', '\t', '\r':
		case '#':
			n := strings.IndexByte(t.src[t.pos:], '\n')
			if n < 0 {
				t.pos = len(t.src)
				return
			}
			t.pos += n - 1
		default:
			return
		}
	}
}

// word reads a word, in quotes or not.
func (t *tokenizer) word() (string, error) {
	if c := t.src[t.pos]; c == '"' || c == '\'' {
		return t.quoted(c)
	}
	start := t.pos
	for dollar := false; t.pos < len(t.src); t.pos++ {
		c := t.src[t.pos]
		switch {
		case c == '\\':
			t.pos++ // what follows does not end the word
			if t.pos < len(t.src) && t.src[t.pos] == '\n' {
				t.line++
			}
		case c == '{' && dollar: // ${name}
		case strings.IndexByte(" \t\r\n;{", c) >= 0:
			return unescape(t.src[start:t.pos]), nil
		}
		dollar = c == '$'
	}
	return "", errors.New(`unexpected end of file, expecting ";" or "}"`)
}

func (t *tokenizer) quoted(quote byte) (string, error) {
	start := t.pos + 1
	for t.pos = start; t.pos < len(t.src); t.pos++ {
		switch t.src[t.pos] {
		case '\n':
			t.line++
		case '\\':
			t.pos++
			if t.pos < len(t.src) && t.src[t.pos] == '\n' {
				t.line++
			}
		case quote:
			word := unescape(t.src[start:t.pos])
			t.pos++
			// A closing bracket may follow: if ($a = "x").
			if t.pos < len(t.src) && strings.IndexByte(" \t\r\n;{)", t.src[t.pos]) < 0 {
				return "", fmt.Errorf(`unexpected "%c"`, t.src[t.pos])
			}
			return word, nil
		}
	}
	return "", errors.New(`unexpected end of file, expecting ";" or "}"`)
}

// unescape makes characters of \" \' \\ \t \r \n; any other backslash stays. As
// in nginx that also goes for words without quotes.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '\\' && i+1 < len(s) {
			switch s[i+1] {
			case '"', '\'', '\\':
				i++
				c = s[i]
			case 't':
				i++
				c = '\t'
			case 'r':
				i++
				c = '\r'
			case 'n':
				i++
				c = '\n'
			}
		}
		b = append(b, c)
	}
	return string(b)
}

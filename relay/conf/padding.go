package conf

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Padding is filler for user agents that show nothing before they have read so
// and so much (protocol 7.8).
type Padding struct {
	// Agent is a regular expression for the user agent.
	Agent string
	// Header is the least size of the header template in bytes, Message that of a
	// message.
	Header, Message int
}

// MaxPadding bounds Header and Message.
const MaxPadding = 1 << 20

var paddingGroup = regexp.MustCompile(`^([^:]+),(\d+),(\d+)(?::|$)`)

// parsePadding reads the groups "agent,header,message:agent,header,message" with
// the module's texts for what is wrong.
func parsePadding(s string) ([]Padding, error) {
	var groups []Padding
	for rest := s; rest != ""; {
		m := paddingGroup.FindStringSubmatch(rest)
		switch {
		case m == nil && len(groups) == 0:
			return nil, fmt.Errorf("padding pattern not match the value %s", s)
		case m == nil:
			return nil, fmt.Errorf("error applying padding pattern to %s", rest)
		}
		p := Padding{Agent: m[1]}
		var err1, err2 error
		p.Header, err1 = strconv.Atoi(m[2])
		p.Message, err2 = strconv.Atoi(m[3])
		if err1 != nil || err2 != nil {
			return nil, fmt.Errorf("padding pattern not match the value %s", s)
		}
		if err := p.check(); err != nil {
			return nil, err
		}
		groups = append(groups, p)
		rest = strings.TrimPrefix(rest, m[0])
	}
	return groups, nil
}

func (p *Padding) check() error {
	if p.Header < 0 || p.Message < 0 || p.Header > MaxPadding || p.Message > MaxPadding {
		return fmt.Errorf("padding of %d and %d bytes is out of range, 0 to %d", p.Header, p.Message, MaxPadding)
	}
	// The module crashes on an invalid expression (protocol Q28).
	_, err := CompileRegexp(p.Agent, false)
	return err
}

package conf

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"alertrelay/relay/site"
)

var paddingGroup = regexp.MustCompile(`^([^:]+),(\d+),(\d+)(?::|$)`)

// parsePadding reads the groups "agent,header,message:agent,header,message" with
// the module's texts for what is wrong.
func parsePadding(s string) ([]site.Padding, error) {
	var groups []site.Padding
	for rest := s; rest != ""; {
		m := paddingGroup.FindStringSubmatch(rest)
		switch {
		case m == nil && len(groups) == 0:
			return nil, fmt.Errorf("padding pattern not match the value %s", s)
		case m == nil:
			return nil, fmt.Errorf("error applying padding pattern to %s", rest)
		}
		p := site.Padding{Agent: m[1]}
		var err1, err2 error
		p.Header, err1 = strconv.Atoi(m[2])
		p.Message, err2 = strconv.Atoi(m[3])
		if err1 != nil || err2 != nil {
			return nil, fmt.Errorf("padding pattern not match the value %s", s)
		}
		if err := checkPadding(&p); err != nil {
			return nil, err
		}
		groups = append(groups, p)
		rest = strings.TrimPrefix(rest, m[0])
	}
	return groups, nil
}

func checkPadding(p *site.Padding) error {
	if p.Header < 0 || p.Message < 0 || p.Header > site.MaxPadding || p.Message > site.MaxPadding {
		return fmt.Errorf("padding of %d and %d bytes is out of range, 0 to %d", p.Header, p.Message, site.MaxPadding)
	}
	// The module crashes on an invalid expression (protocol Q28).
	_, err := site.CompileRegexp(p.Agent, false)
	return err
}

package conf

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// rules reads the mapping of a source, as far as it is read here: a preset's name
// is a name, and the rest stays text.
func (r *yamlReader) rules(n ast.Node, key string) Mapping {
	m := Mapping{File: r.file, Origin: r.place(n)}
	value, ok := r.resolve(n)
	if !ok {
		return m
	}
	switch value.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		text, err := r.cut(value)
		if err != nil {
			r.report(r.place(n), "%s: %s", key, err)
		}
		m.YAML = text
	default:
		r.text(func(s string) error {
			m.Preset = s
			if s == "" || strings.Trim(s, "-_.0123456789abcdefghijklmnopqrstuvwxyz") != "" {
				return errors.New("is no name of a preset, such as uptime-kuma, and no mapping either")
			}
			return nil
		})(n, key)
	}
	return m
}

// cut gives the text of a mapping in the file, at its place: in front of it are
// as many empty lines and spaces as it takes.
func (r *yamlReader) cut(n ast.Node) ([]byte, error) {
	first, last := n.GetToken().Position, n.GetToken().Position
	m, flow := n.(*ast.MappingNode)
	flow = flow && m.IsFlowStyle
	if flow {
		first, last = m.Start.Position, m.End.Position
	} else if pair, ok := n.(*ast.MappingValueNode); ok {
		first = pair.Key.GetToken().Position
	} else if len(m.Values) > 0 {
		first = m.Values[0].Key.GetToken().Position
	}
	apart := errors.New("cannot be read apart from the rest of the file; write it on lines of its own, key: value, without & and *")
	lines := strings.Split(string(r.content), "\n")
	if first.Line < 1 || first.Line > len(lines) || last.Line > len(lines) {
		return nil, apart
	}
	line := []rune(lines[first.Line-1])
	if first.Column < 1 || first.Column > len(line) || flow && last.Line == first.Line && last.Column > len(line) {
		return nil, apart
	}
	var b bytes.Buffer
	b.WriteString(strings.Repeat("\n", first.Line-1))
	if flow && last.Line == first.Line {
		line = line[:last.Column]
	}
	fmt.Fprintf(&b, "%*s%s\n", first.Column-1, "", string(line[first.Column-1:]))
	for i := first.Line; i < len(lines); i++ {
		if flow {
			if i >= last.Line {
				break
			}
			if line := []rune(lines[i]); i == last.Line-1 && last.Column <= len(line) {
				lines[i] = string(line[:last.Column])
			}
		} else if content := strings.TrimLeft(lines[i], " "); len(lines[i])-len(content) < first.Column-1 {
			// Comments that belong to what comes after are no end of a block.
			if content = strings.TrimSpace(content); content != "" && content[0] != '#' {
				break
			}
			lines[i] = ""
		}
		b.WriteString(lines[i])
		b.WriteByte('\n')
	}
	text := append(bytes.TrimRight(b.Bytes(), "\n"), '\n')
	f, err := parser.ParseBytes(text, 0)
	if err != nil || len(f.Docs) != 1 || f.Docs[0].Body == nil {
		return nil, apart
	}
	// What is read later must be what stands here, at the same places.
	here, there := new(leaves), new(leaves)
	ast.Walk(here, n)
	ast.Walk(there, f.Docs[0].Body)
	if here.alias || !slices.Equal(here.list, there.list) {
		return nil, apart
	}
	return text, nil
}

// leaves collects the values of a tree with their places.
type leaves struct {
	list  []string
	alias bool
}

// Visit makes leaves a visitor of ast.Walk.
func (l *leaves) Visit(n ast.Node) ast.Visitor {
	switch n := n.(type) {
	case *ast.AliasNode, *ast.AnchorNode:
		l.alias = true
	case *ast.LiteralNode: // the text in it has no place that can be relied on
		l.list = append(l.list, fmt.Sprintf("%d:%d %s", n.GetToken().Position.Line, n.GetToken().Position.Column, n.Value.Value))
		return nil
	case ast.ScalarNode:
		if t := n.GetToken(); t != nil {
			l.list = append(l.list, fmt.Sprintf("%d:%d %v", t.Position.Line, t.Position.Column, n.GetValue()))
		}
	}
	return l
}

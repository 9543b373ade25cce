package conf

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// yamlReader walks the syntax tree of the file rather than decoding it into
// structs: every problem then has its place, and all of them are told at once.
type yamlReader struct {
	file    string
	top     fields // what the file may have at the top
	content []byte // of the file
	anchors map[string]ast.Node
	report  func(where, format string, args ...any)
}

// field reads the value of one key. key is its full name, for messages.
type field func(n ast.Node, key string)

// fields are the keys that a mapping may have.
type fields map[string]field

// read goes through the file with the keys it may have at the top.
func (r *yamlReader) read(content []byte, top fields) {
	r.top, r.anchors = top, make(map[string]ast.Node)
	r.content = bytes.TrimPrefix(content, []byte("\ufeff"))
	f, err := parser.ParseBytes(r.content, 0)
	if err != nil {
		r.syntax(err)
		return
	}
	docs := slices.DeleteFunc(f.Docs, func(d *ast.DocumentNode) bool {
		_, directive := d.Body.(*ast.DirectiveNode) // %YAML 1.2
		return directive || d.Body == nil
	})
	if len(docs) > 1 {
		r.report(r.place(docs[1].Body), "a second document; one file is one document, without ---")
		return
	}
	if len(docs) == 1 {
		r.mapping(docs[0].Body, "", top)
	}
}

// syntax reports what is no YAML at all.
func (r *yamlReader) syntax(err error) {
	var e yaml.Error
	if !errors.As(err, &e) || e.GetToken() == nil {
		r.report(r.file, "%s", strings.TrimSpace(err.Error()))
		return
	}
	at := e.GetToken().Position
	hint := ""
	if strings.Contains(e.GetMessage(), "tab") || strings.Contains(e.GetToken().Origin, "\t") {
		hint = "; YAML is indented with spaces"
	}
	r.report(fmt.Sprintf("%s:%d:%d", r.file, at.Line, at.Column), "%s%s", e.GetMessage(), hint)
}

// place is "file:line:column".
func (r *yamlReader) place(n ast.Node) string {
	if n == nil || n.GetToken() == nil {
		return r.file
	}
	at := n.GetToken().Position
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 && !m.IsFlowStyle {
		at = m.Values[0].Key.GetToken().Position // the token is the colon
	}
	if m, ok := n.(*ast.MappingValueNode); ok {
		at = m.Key.GetToken().Position
	}
	return fmt.Sprintf("%s:%d:%d", r.file, at.Line, at.Column)
}

// resolve follows anchors and aliases. ok is false if it has reported one that
// leads nowhere.
func (r *yamlReader) resolve(n ast.Node) (value ast.Node, ok bool) {
	for range 100 {
		switch v := n.(type) {
		case *ast.AnchorNode:
			r.anchors[v.Name.GetToken().Value] = v.Value
			n = v.Value
		case *ast.AliasNode:
			name := v.Value.GetToken().Value
			if r.anchors[name] == nil {
				r.report(r.place(v), "*%s: there is no &%s above it", name, name)
				return nil, false
			}
			n = r.anchors[name]
		case *ast.TagNode:
			n = v.Value
		default:
			return n, true
		}
	}
	r.report(r.place(n), "an alias that leads back to itself")
	return nil, false
}

// mapping reads the pairs of n. required keys must be among them. It returns the
// values of all keys that are there; nil if n is no mapping, which it reports.
func (r *yamlReader) mapping(n ast.Node, key string, known fields, required ...string) (given map[string]ast.Node) {
	pairs, ok := r.pairs(n, key, slices.Sorted(maps.Keys(known))[0])
	if !ok {
		return nil
	}
	given = make(map[string]ast.Node)
	for _, pair := range pairs {
		name := pair.Key.GetToken().Value
		read, ok := known[name]
		_, twice := given[name]
		given[name] = pair.Value
		switch word, _, colon := strings.Cut(name, ":"); {
		case !ok && colon && known[word] != nil:
			// What follows may be a secret.
			r.report(r.place(pair), "%sa space is missing after %s:", prefix(key), word)
		case !ok:
			r.report(r.place(pair), "%sunknown key %q; %s", prefix(key), name, r.unknown(name, known))
		case twice:
			r.report(r.place(pair), "%s: given twice", join(key, name))
		default:
			read(pair.Value, join(key, name))
		}
	}
	for _, name := range required {
		if _, ok := given[name]; !ok {
			r.report(r.place(n), "%s: %s is missing", key, name)
		}
	}
	return given
}

// pairs gives the pairs of a mapping. ok is false if it has reported that n is
// none; example is a key for that.
func (r *yamlReader) pairs(n ast.Node, key, example string) (pairs []*ast.MappingValueNode, ok bool) {
	value, ok := r.resolve(n)
	if !ok {
		return nil, false
	}
	switch v := value.(type) {
	case *ast.MappingNode:
		return v.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{v}, true
	case nil, *ast.NullNode:
		return nil, true
	default:
		r.report(r.place(n), "%swants keys and values (%s: ...), not %s", prefix(key), example, kind(v))
		return nil, false
	}
}

// unknown is the advice about an unknown key: also one that exists elsewhere.
func (r *yamlReader) unknown(name string, known fields) string {
	valid := slices.Collect(maps.Keys(known))
	if Nearest(name, valid) == "" {
		if r.top[name] != nil {
			return "it belongs to the top of the file, not indented"
		}
		for _, s := range Settings() {
			section, inner, nested := strings.Cut(s.Key, ".")
			if nested && (normal(s.Key) == normal(name) || inner == name) {
				return fmt.Sprintf("did you mean %s, key %s of section %s?", s.Key, inner, section)
			}
		}
	}
	return didYouMean(name, valid)
}

// sequence gives the items of a list.
func (r *yamlReader) sequence(n ast.Node, key string) []ast.Node {
	value, ok := r.resolve(n)
	if !ok {
		return nil
	}
	switch v := value.(type) {
	case *ast.SequenceNode:
		return v.Values
	case nil, *ast.NullNode:
		return nil
	default:
		r.report(r.place(n), "%s: wants a list (- ...), not %s", key, kind(v))
		return nil
	}
}

// text makes a field of a function that takes the value as it is written.
func (r *yamlReader) text(set func(string) error) field {
	return func(n ast.Node, key string) {
		node, ok := r.resolve(n)
		if !ok {
			return
		}
		var value string
		switch v := node.(type) {
		case *ast.StringNode:
			value = v.Value
		case *ast.LiteralNode:
			value = v.Value.Value
		case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
			value = v.GetToken().Value
		case nil, *ast.NullNode:
			r.report(r.place(n), `%s: has no value; leave the key out for the default, or write "" for nothing`, key)
			return
		default:
			r.report(r.place(n), "%s: wants one value, not %s", key, kind(v))
			return
		}
		if err := set(value); err != nil {
			r.report(r.place(n), "%s: %s", key, err)
		}
	}
}

func join(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}

func prefix(key string) string {
	if key == "" {
		return ""
	}
	return key + ": "
}

// kind names what stands where something else should.
func kind(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "keys and values"
	case *ast.SequenceNode:
		return "a list"
	}
	return "a single value"
}

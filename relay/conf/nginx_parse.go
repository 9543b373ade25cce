package conf

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Bounds of what is read, so that a file that includes itself, or a device, ends
// in an error.
const (
	maxNginxBytes    = 8 << 20 // of all files
	maxNginxIncludes = 20      // within each other
	maxNginxBlocks   = 50      // within each other
	maxNginxFiles    = 1000
)

// directive is one directive of an nginx.conf with its words unquoted.
type directive struct {
	name     string
	args     []string
	block    []*directive
	hasBlock bool
	file     string
	line     int // on which it begins
}

func (d *directive) place() string { return fmt.Sprintf("%s:%d", d.file, d.line) }

// nginxParser reads files into directives. Includes are put in the place of their
// directive.
//
// It is ours because the libraries do not keep what templates and locations
// depend on. gonginx (of 2026-02-20), which the design names, takes the string
// "x\\" for one that does not end, ends "location ~ ^/a/([^}]+)$" at the bracket,
// replaces bytes that are no UTF-8, takes a NUL for the end of the file, leaves
// the escapes in, counts lines of a string in quotes towards its directive, and
// stops at the first error. The rules here are those of nginx's own reader.
type nginxParser struct {
	dir      string // includes are relative to the first file's directory
	files    []string
	bytes    int
	problems *problems
}

// fail adds a problem in nginx's form, "text in file:line".
func (p *nginxParser) fail(file string, line int, format string, args ...any) {
	*p.problems = append(*p.problems, fmt.Sprintf("%s in %s:%d", fmt.Sprintf(format, args...), file, line))
}

// file reads a file and what it includes.
func (p *nginxParser) file(name string, includes int) ([]*directive, error) {
	if len(p.files) >= maxNginxFiles {
		return nil, fmt.Errorf("more than %d files", maxNginxFiles)
	}
	content, err := readRegular(name, maxNginxBytes-p.bytes)
	if err != nil {
		return nil, err
	}
	p.files = append(p.files, name)
	p.bytes += len(content)
	t := &tokenizer{src: strings.TrimPrefix(string(content), "\ufeff"), file: name, line: 1}
	list, _ := p.block(t, includes, 0)
	return list, nil
}

// block reads directives up to the end of the block. ok is false after an error
// that leaves no place to go on from.
func (p *nginxParser) block(t *tokenizer, includes, depth int) (list []*directive, ok bool) {
	for {
		words, line, end, err := t.next()
		if err != nil {
			p.fail(t.file, t.line, "%s", err)
			return list, false
		}
		switch {
		case end == endFile && depth > 0:
			p.fail(t.file, t.line, `unexpected end of file, expecting "}"`)
			return list, false
		case end == endFile:
			return list, true
		case end == '}' && depth == 0:
			p.fail(t.file, t.line, `unexpected "}"`)
			continue
		case end == '}':
			return list, true
		}
		d := &directive{name: words[0], args: words[1:], hasBlock: end == '{', file: t.file, line: line}
		if d.hasBlock {
			if depth >= maxNginxBlocks {
				p.fail(t.file, line, "more than %d blocks within each other", maxNginxBlocks)
				return list, false
			}
			if d.block, ok = p.block(t, includes, depth+1); !ok {
				return append(list, d), false
			}
		}
		if d.name == "include" && !d.hasBlock {
			list = append(list, p.include(d, includes)...)
			continue
		}
		list = append(list, d)
	}
}

// include reads the files that an include names, in order.
func (p *nginxParser) include(d *directive, includes int) (list []*directive) {
	if len(d.args) != 1 {
		p.fail(d.file, d.line, `invalid number of arguments in "include" directive`)
		return nil
	}
	if includes >= maxNginxIncludes {
		p.fail(d.file, d.line, "more than %d includes within each other", maxNginxIncludes)
		return nil
	}
	name := p.path(d.args[0])
	names := []string{name}
	if strings.ContainsAny(name, "*?[") {
		var err error
		if names, err = filepath.Glob(name); err != nil {
			p.fail(d.file, d.line, `invalid pattern in "include %s"`, d.args[0])
			return nil
		}
	}
	for _, name := range names {
		more, err := p.file(name, includes+1)
		if err != nil {
			p.fail(d.file, d.line, "%s", err)
			return list
		}
		list = append(list, more...)
	}
	return list
}

// path is relative to the first file's directory, as nginx has it for include,
// ssl_certificate and ssl_certificate_key.
func (p *nginxParser) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(p.dir, name)
}

// readRegular reads a file that is no device and has up to limit bytes.
func readRegular(name string, limit int) ([]byte, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("open %s: not a regular file", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	content, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err == nil && len(content) > limit {
		err = fmt.Errorf("open %s: more than %d bytes", name, limit)
	}
	return content, err
}

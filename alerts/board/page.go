package board

import (
	"net/url"
	"regexp"
	"strings"
)

// Pages name their parts as from the root: src="assets/app.js". The same page is
// shown at /, /board/db.> and deeper, and a proxy may have the relay under a path
// of its own that nobody tells us. So the addresses are written relative to where
// the page is, with as many "../" as its path has parts under the root, which no
// prefix changes. There is no <base>: with one, a link to "#messages" would leave
// the page. Scripts find the root from where they were loaded (client.js, root).

// references are the addresses in a page that are relative to the root: those with
// a scheme, a "/", "." or "#" at the beginning are not.
var references = regexp.MustCompile(`(\s(?:src|href)=")([A-Za-z0-9_][A-Za-z0-9_./-]*")`)

const (
	compressedDepths = 4  // of these pages are made at the start
	maxDepth         = 64 // deeper there are none
)

// pageSet has the pages by the name of their files.
type pageSet map[string]page

type page struct {
	content []byte
	made    []asset // by depth
}

func (s pageSet) add(name string, content []byte) {
	p := page{content: content}
	for depth := range compressedDepths {
		p.made = append(p.made, p.make(depth, true))
	}
	s[name] = p
}

// make is the page as it is at a depth: the number of slashes after the first.
func (p *page) make(depth int, compress bool) asset {
	content := references.ReplaceAll(p.content, []byte("${1}"+strings.Repeat("../", depth)+"${2}"))
	return newAsset(content, contentTypes[".html"], compress)
}

// at finds the page that is shown at a URL.
func (s pageSet) at(u *url.URL) (asset, bool) {
	// As the browser has it: it looks at the slashes that are not escaped.
	first, _, _ := strings.Cut(strings.TrimPrefix(u.EscapedPath(), "/"), "/")
	name, ok := pages[first]
	if !ok || first == "" && u.Path != "/" {
		return asset{}, false
	}
	p, ok := s[name]
	depth := strings.Count(u.EscapedPath(), "/") - 1
	switch {
	case !ok || depth > maxDepth:
		return asset{}, false
	case depth < len(p.made):
		return p.made[depth], true
	default:
		return p.make(depth, false), true
	}
}

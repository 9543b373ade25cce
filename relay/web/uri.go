package web

import "strings"

// normalize makes of a decoded path what locations are compared with, as nginx
// does: slashes are merged, "." and ".." are resolved. ok is false if the path
// leads above the root.
func normalize(path string) (clean string, ok bool) {
	if path == "" {
		return "/", true
	}
	if !strings.Contains(path, "//") && !strings.Contains(path, "/.") || path[0] != '/' {
		return path, true
	}
	var kept []string
	directory := false // the path ends with a slash
	for segment := range strings.SplitSeq(path[1:], "/") {
		directory = segment == "" || segment == "." || segment == ".."
		switch {
		case segment == "..":
			if len(kept) == 0 {
				return "", false
			}
			kept = kept[:len(kept)-1]
		case !directory:
			kept = append(kept, segment)
		}
	}
	clean = "/" + strings.Join(kept, "/")
	if directory && clean != "/" {
		clean += "/"
	}
	return clean, true
}

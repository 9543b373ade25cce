package conf

import (
	"maps"
	"slices"

	"alertrelay/relay/site"
)

// inherited are what locations in our YAML take from their server.
type inherited struct {
	module     bool
	connection site.Connection
	types      map[string]string
	gzip       site.Gzip
}

func inheritedDefaults() inherited {
	return inherited{connection: site.DefaultConnection(), types: site.DefaultTypes(), gzip: site.DefaultGzip()}
}

// newLocation has the defaults of its mode, and what it inherits.
func newLocation(mode site.Mode, match site.Match, pattern string, module bool, from inherited) site.Location {
	l := site.NewLocation(mode, match, pattern, module)
	l.Types, l.Gzip, l.Connection = from.types, from.gzip, from.connection
	return l
}

func sameGzip(a, b site.Gzip) bool {
	return slices.Equal(a.Types, b.Types) && a.On == b.On && a.MinLength == b.MinLength && a.Level == b.Level && a.Vary == b.Vary && a.HTTP10 == b.HTTP10
}

func sameTypes(a, b map[string]string) bool { return maps.Equal(a, b) }

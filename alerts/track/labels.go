package track

import (
	"maps"
	"slices"
	"strings"
	"unique"
)

// labels are the labels of an item in little memory: the names once for all alerts
// that have the same ones, the values one after another.
type labels struct {
	names  unique.Handle[list]
	values list
}

// list is texts in one string, each with an end after it.
type list string

// end is in no text: the labels of an event are UTF-8, as all that comes from JSON.
const end = "\xff"

func labelsOf(from map[string]string) labels {
	const common = 256 // bytes of either, which need no memory of their own here
	names, values := make([]byte, 0, common), make([]byte, 0, common)
	for _, name := range slices.Sorted(maps.Keys(from)) {
		names = append(append(names, name...), end...)
		values = append(append(values, from[name]...), end...)
	}
	return labels{unique.Make(list(names)), list(values)}
}

// value is the value of a label; ok is false if there is none of this name.
func (l labels) value(name string) (value string, ok bool) {
	if l.values == "" {
		return "", false
	}
	values := string(l.values)
	for n := range strings.SplitSeq(string(l.names.Value()), end) {
		value, values, _ = strings.Cut(values, end)
		if n == name {
			return value, true
		}
	}
	return "", false
}

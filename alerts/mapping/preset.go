package mapping

import (
	"embed"
	"fmt"
	"path"
	"slices"
	"strings"
)

//go:embed presets/*.yaml
var presets embed.FS

// Info is what a list of the presets shows.
type Info struct{ Name, About string }

// Presets are the mappings that are built in, in the order of their names.
func Presets() []Info {
	entries, err := presets.ReadDir("presets")
	if err != nil {
		panic("mapping: " + err.Error()) // the files are in the program
	}
	var infos []Info
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), ".yaml")
		text, err := PresetYAML(name)
		if err != nil {
			panic(err)
		}
		about, _, _ := strings.Cut(string(text), "\n")
		infos = append(infos, Info{Name: name, About: strings.TrimPrefix(about, "# ")})
	}
	return infos
}

// Preset is the mapping of this name. The error of an unknown one tells the
// nearest, or all.
func Preset(name string) (*Mapping, error) {
	text, err := PresetYAML(name)
	if err != nil {
		return nil, err
	}
	return Parse(text)
}

// PresetYAML is the mapping of this name as it is written, with how its sender is
// set up.
func PresetYAML(name string) ([]byte, error) {
	entries, err := presets.ReadDir("presets")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	if !slices.Contains(names, name) {
		return nil, fmt.Errorf("mapping: unknown preset %.40q; %s", name, didYouMean(name, names))
	}
	return presets.ReadFile(path.Join("presets", name+".yaml"))
}

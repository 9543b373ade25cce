package conf

import (
	"fmt"
	"slices"
	"strings"
)

// Nearest gives the candidate that name was most likely meant to be, "" if none
// is near.
func Nearest(name string, candidates []string) string {
	best, bestDistance := "", 0
	plain := normal(name)
	for _, c := range candidates {
		d := distance(plain, normal(c))
		if best == "" || d < bestDistance {
			best, bestDistance = c, d
		}
	}
	// A third of it wrong is still a typo; more, or all of it, is another word.
	if bestDistance > max(1, len(name)/3) || bestDistance >= max(len(name), len(best)) {
		return ""
	}
	return best
}

// didYouMean is the end of a message about an unknown name: the nearest valid
// one, or all of them.
func didYouMean(name string, candidates []string) string {
	if best := Nearest(name, candidates); best != "" {
		return fmt.Sprintf("did you mean %s?", best)
	}
	sorted := slices.Clone(candidates)
	slices.Sort(sorted)
	return "valid are " + strings.Join(sorted, ", ")
}

// normal makes spellings of the same words equal: max-age, MAX_AGE, max.age.
func normal(s string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '-', '.', ' ':
			return '_'
		}
		return r
	}, strings.ToLower(s))
}

// distance is how many letters must be changed, added, left out or swapped with
// their neighbour (optimal string alignment).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

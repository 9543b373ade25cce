package cli

import "testing"

// Memory is given back twice after each burst, when it has been quiet for a while.
func TestBurstsOver(t *testing.T) {
	var b bursts
	allocated := uint64(0)
	for i, interval := range []struct {
		mb   uint64
		over bool
	}{
		{20, false},
		{1, false},
		{1, false},
		{1, true},
		{1, false},
		{15, false}, // the start
		{300, false},
		{0, false},
		{0, false},
		{16, false},
		{1, false},
		{1, false},
		{1, true},
		{1, false},
		{1, false},
		{1, false},
		{1, false},
		{1, false},
		{1, false},
		{1, false},
		{1, false},
		{1, false},
		{1, true},
		{1, false},
		{1, false},
		{20, false},
		{1, false},
		{1, false},
		{1, true},
	} {
		allocated += interval.mb << 20
		if got := b.over(allocated); got != interval.over {
			t.Errorf("interval %d, %d MB: got %t", i, interval.mb, got)
		}
	}
}

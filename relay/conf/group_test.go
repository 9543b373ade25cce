package conf_test

import (
	"testing"
	"time"

	"alertrelay/relay"
	"alertrelay/relay/conf"
)

func TestDefaultGroups(t *testing.T) {
	c := conf.Default()
	alerts := relay.Limits{MaxMessages: 100, MaxAge: 30 * 24 * time.Hour}
	others := relay.Limits{MaxMessages: 20, MaxAge: 5 * time.Minute}
	for channel, want := range map[string]relay.Limits{
		"db.critical.DiskFull.am-e0e5d472468ff987":   alerts,
		"db.am-e0e5d472468ff987":                     alerts,
		"_._._.prom_eu-0000000000000000":             alerts,
		"a.b.c.d":                                    others,
		"am-e0e5d472468ff987":                        others,
		".am-e0e5d472468ff987":                       others,
		"db.critical.DiskFull.am-e0e5d472468ff98":    others,
		"db.critical.DiskFull.am-E0E5D472468FF987":   others,
		"db.critical.DiskFull.-e0e5d472468ff987":     others,
		"db.critical.DiskFull.Am-e0e5d472468ff987":   others,
		"db.critical.DiskFull.am-e0e5d472468ff987.x": others,
		"db.x.y.seventeencharslon-e0e5d472468ff987":  others,
		"db.critical.DiskFull.e0e5d472468ff987-am":   others,
		"db.critical.DiskFull.am-am-e0e5d472468ff98": others,
		"ops":   others,
		"a..b":  others,
		"a b/ü": others,
	} {
		if got := c.GroupLimits(channel); got != want {
			t.Errorf("%s: got %+v, want %+v", channel, got, want)
		}
	}
	if c.MaxMessages() != 100 || c.MaxAge() != 30*24*time.Hour {
		t.Errorf("got %d, %s", c.MaxMessages(), c.MaxAge())
	}
}

func TestFirstGroupWins(t *testing.T) {
	c, err := conf.Load(conf.Sources{File: write(t, "groups:\n- {match: ops.db, max_messages: 1}\n- {match: ops.*, max_messages: 2}\n- {match: ops.>, max_messages: 3}\n")})
	if err != nil {
		t.Fatal(err)
	}
	for channel, want := range map[string]int{"ops.db": 1, "ops.x": 2, "ops.x.y": 3, "ops": 20, "ops.a.am-e0e5d472468ff987": 3, "x.am-e0e5d472468ff987": 100} {
		if got := c.GroupLimits(channel).MaxMessages; got != want {
			t.Errorf("%s: got %d, want %d", channel, got, want)
		}
	}
}

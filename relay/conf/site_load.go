package conf

import (
	"errors"
	"time"
)

// The greatest values that the relay takes where the module has no limit.
const (
	mostChannelID = 1024
	mostMessages  = 1_000_000
)

// defaultMessageTTL is the module's.
const defaultMessageTTL = 30 * time.Minute

// loadNginx reads the site from an nginx.conf.
func (c *Config) loadNginx(path string, p *problems) {
	site, report, err := LoadNginx(path)
	if e := (*Error)(nil); errors.As(err, &e) {
		*p = append(*p, e.Problems...)
		return
	}
	c.Site, c.Nginx = &site, &report
}

// takeLimits puts the site's limits of all channels into the last group and the
// limits. What a flag, a variable or the file says of limits.channel_id stands.
func (c *Config) takeLimits() {
	s := c.Site
	if s == nil || !s.LimitsChannels() || len(c.Groups) == 0 {
		return
	}
	if last := &c.Groups[len(c.Groups)-1]; last.Match == ">" {
		last.MaxMessages, last.MaxAge, last.MaxSubscribers, last.Origin = mostMessages, s.MessageTTL, s.MaxSubscribers, s.Origin
		if s.MaxMessages > 0 {
			last.MaxMessages = min(s.MaxMessages, mostMessages)
		}
	}
	if c.Origin("limits.channel_id") == "default" {
		c.Limits.ChannelID = mostChannelID
		if s.MaxChannelID > 0 {
			c.Limits.ChannelID = min(s.MaxChannelID, mostChannelID)
		}
		c.origin["limits.channel_id"] = s.Origin
	}
}

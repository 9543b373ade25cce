package conf

import (
	"errors"
	"fmt"
	"time"
)

// The greatest values that the relay takes where the module has no limit.
const (
	mostChannelID = 1024
	mostMessages  = 1_000_000
)

// The least and the most that a shared_memory makes of storage.max_bytes.
//
// The module's zone held the messages of its channels for minutes, and a few
// megabytes were enough. The stream is on disk, which is cheap, and also holds
// alerts, for weeks. 32 MiB has room for four of the largest messages that the
// embedded server takes, 8 MiB, so that one of them does not push out all others.
const (
	leastStream = 32 << 20
	mostStream  = 1 << 50
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

// takeMemory makes the site's memory budget the size of the stream. What a flag, a
// variable or the file says of storage.max_bytes stands.
func (c *Config) takeMemory() {
	if c.Site == nil || c.Site.SharedMemory == 0 || c.Origin(keyMaxBytes) != "default" {
		return
	}
	c.Storage.MaxBytes = min(max(c.Site.SharedMemory, leastStream), mostStream)
	c.origin[keyMaxBytes] = c.Site.Origin
}

// memoryMeans says what the site's memory budget comes to; empty without one.
func (c *Config) memoryMeans() string {
	if c.Site == nil || c.Site.SharedMemory == 0 {
		return ""
	}
	given := FormatSize(c.Site.SharedMemory)
	switch {
	case c.Origin(keyMaxBytes) != c.Site.Origin:
		return fmt.Sprintf("push_stream's shared memory (%s) has no effect: storage.max_bytes is set by %s.", given, c.Origin(keyMaxBytes))
	case c.Storage.MaxBytes > c.Site.SharedMemory:
		return fmt.Sprintf("push_stream's shared memory (%s) is the size of the stream on disk, storage.max_bytes, but that is at least %s: the stream also keeps alerts, and must hold the largest messages. Memory is bounded by storage.buffer.",
			given, FormatSize(leastStream))
	}
	return fmt.Sprintf("push_stream's shared memory (%s) is the size of the stream on disk, storage.max_bytes. Memory is bounded by storage.buffer.", given)
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

package conf

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// envPrefix begins every variable of ours.
const envPrefix = "ALERTRELAY_"

// keyMaxBytes is the key of a setting that a site can set too.
const keyMaxBytes = "storage.max_bytes"

// Setting is a setting with one value. Its key in the file gives its flag and its
// variable their names.
type Setting struct {
	// Key in the file, "nats.listen".
	Key string
	// Usage is a short text for the list of flags, with what stands for the value
	// in back quotes.
	Usage string

	set  func(c *Config, value string) error
	show func(c *Config) string
}

// Flag is the name of the setting's flag, without dashes: "nats-listen". It is
// empty for a secret, which everybody on the machine could read from the command
// line.
func (s *Setting) Flag() string {
	if s.Key == keyToken {
		return ""
	}
	return flagName(s.Key)
}

func flagName(key string) string { return strings.NewReplacer(".", "-", "_", "-").Replace(key) }

// Env is the name of the setting's variable: "ALERTRELAY_NATS_LISTEN".
func (s *Setting) Env() string { return EnvName(flagName(s.Key)) }

// Default is the value of a relay that was told nothing, as it would be written.
func (s *Setting) Default() string {
	c := Default()
	return s.show(&c)
}

// Value is the value of a configuration, without secrets.
func (s *Setting) Value(c *Config) string { return s.show(c) }

// EnvName is the name of the variable that belongs to a flag.
func EnvName(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// Settings lists all settings with one value, in the order in which people want
// to read them.
func Settings() []Setting {
	return []Setting{
		{
			Key: "listen", Usage: "serve HTTP at `ADDRESS` (host:port)",
			set: func(c *Config, v string) error {
				c.Listen = v
				return checkAddress(v)
			},
			show: func(c *Config) string { return c.Listen },
		},
		{
			Key: "data", Usage: "keep messages in `DIR`",
			set: func(c *Config, v string) error {
				c.Data = v
				if v == "" {
					return errors.New("is empty; name a directory, such as " + DefaultData)
				}
				return nil
			},
			show: func(c *Config) string { return c.Data },
		},
		{
			Key: "nats.listen", Usage: "let NATS clients in at `ADDRESS`; \"\": none. The default address is skipped if it is taken",
			set: func(c *Config, v string) error {
				c.NATS.Listen, c.NATS.ListenAsked = v, true
				if v == "" {
					return nil
				}
				return checkAddress(v)
			},
			show: func(c *Config) string { return c.NATS.Listen },
		},
		{
			Key: "nats.url", Usage: "use the JetStream at `URL` instead of an embedded one",
			set: func(c *Config, v string) error {
				c.NATS.URL = v
				if v == "" {
					return errors.New("is empty; leave it out for the embedded server, or write nats://host:4222")
				}
				return checkNATSURL(v)
			},
			show: func(c *Config) string { return RedactURL(c.NATS.URL) },
		},
		{
			Key: "nats.replicas", Usage: "keep the stream on `N` servers of a cluster",
			set:  count(func(c *Config) *int { return &c.NATS.Replicas }, 1, 5),
			show: func(c *Config) string { return strconv.Itoa(c.NATS.Replicas) },
		},
		{
			// A subject over 4096 bytes ends the NATS connection, and escaping
			// makes three bytes of one.
			Key: "limits.channel_id", Usage: "take channel ids of up to `BYTES`",
			set:  count(func(c *Config) *int { return &c.Limits.ChannelID }, 1, 1024),
			show: func(c *Config) string { return strconv.Itoa(c.Limits.ChannelID) },
		},
		{
			Key: "limits.channels", Usage: "let subscribers create up to `N` channels",
			set:  count(func(c *Config) *int { return &c.Limits.Channels }, 1, 100_000_000),
			show: func(c *Config) string { return strconv.Itoa(c.Limits.Channels) },
		},
		{
			Key: "limits.wildcards", Usage: "follow up to `N` different wildcards at a time",
			set:  count(func(c *Config) *int { return &c.Limits.Wildcards }, 1, 1_000_000),
			show: func(c *Config) string { return strconv.Itoa(c.Limits.Wildcards) },
		},
		{
			Key: keyMaxBytes, Usage: "keep up to `SIZE` of messages on disk, then drop the oldest",
			set:  size(func(c *Config) *int64 { return &c.Storage.MaxBytes }, 1<<20, mostStream),
			show: func(c *Config) string { return FormatSize(c.Storage.MaxBytes) },
		},
		{
			Key: "storage.durability", Usage: "answer publishers at `LEVEL`; default: a 200 survives a crash of the relay; fsync: also a power cut, 12 times slower",
			set: func(c *Config, v string) error {
				c.Storage.Durability = Durability(v)
				return oneOf(v, string(DurabilityDefault), string(DurabilityFsync))
			},
			show: func(c *Config) string { return string(c.Storage.Durability) },
		},
		{
			Key: "storage.buffer", Usage: "hold up to `SIZE` of recent messages in memory",
			set:  size(func(c *Config) *int64 { return &c.Storage.Buffer }, 1<<20, 1<<40),
			show: func(c *Config) string { return FormatSize(c.Storage.Buffer) },
		},
		{
			Key: "alerts.updates", Usage: "make a changed annotation of an alert an event too: `BOOL`, true or false",
			set:  func(c *Config, v string) (err error) { c.Updates, err = parseBool(v); return err },
			show: func(c *Config) string { return strconv.FormatBool(c.Updates) },
		},
		{
			Key: keyToken, Usage: "let only who shows the `TOKEN` acknowledge and silence",
			set:  (*Config).setToken,
			show: (*Config).showToken,
		},
		{
			Key: keyTokenFile, Usage: "let only who shows the token in `FILE` acknowledge and silence; ALERTRELAY_API_TOKEN is the token itself; neither, and no api.tokens in the file: everybody who reaches the address",
			set:  (*Config).setTokenFile,
			show: func(c *Config) string { return c.API.TokenFile },
		},
		{
			Key: "log.level", Usage: "log at `LEVEL` and above: debug, info, warn, error",
			set: func(c *Config, v string) error {
				if err := oneOf(v, "debug", "info", "warn", "error"); err != nil {
					return err
				}
				return c.Log.Level.UnmarshalText([]byte(v))
			},
			show: func(c *Config) string { return strings.ToLower(c.Log.Level.String()) },
		},
		{
			Key: "log.format", Usage: "log as `FORMAT`, text or json",
			set: func(c *Config, v string) error {
				c.Log.Format = v
				return oneOf(v, "text", "json")
			},
			show: func(c *Config) string { return c.Log.Format },
		},
	}
}

func count(field func(*Config) *int, low, high int) func(*Config, string) error {
	return func(c *Config, v string) (err error) {
		f := field(c)
		if *f, err = parseCount(v); err != nil {
			return err
		}
		return between(*f, low, high)
	}
}

func size(field func(*Config) *int64, low, high int64) func(*Config, string) error {
	return func(c *Config, v string) (err error) {
		f := field(c)
		if *f, err = ParseSize(v); err != nil {
			return err
		}
		if *f < low || *f > high {
			return fmt.Errorf("%s is out of range, %s to %s", FormatSize(*f), FormatSize(low), FormatSize(high))
		}
		return nil
	}
}

func oneOf(v string, valid ...string) error {
	if slices.Contains(valid, v) {
		return nil
	}
	if v == "" {
		return fmt.Errorf("is empty; valid are %s", strings.Join(valid, ", "))
	}
	return fmt.Errorf("%q is not known; %s", v, didYouMean(v, valid))
}

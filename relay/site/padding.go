package site

// Padding is filler for user agents that show nothing before they have read so
// and so much (protocol 7.8).
type Padding struct {
	// Agent is a regular expression for the user agent.
	Agent string
	// Header is the least size of the header template in bytes, Message that of a
	// message.
	Header, Message int
}

// MaxPadding bounds Header and Message.
const MaxPadding = 1 << 20

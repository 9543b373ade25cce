package store

import (
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"alertrelay/relay"
)

// Headers of a message in the stream. The first two are the publisher's own, and
// can be set with "nats pub -H" as well.
const (
	headerEventID   = "Event-Id"
	headerEventType = "Event-Type"
	headerStore     = "Alertrelay-Store"   // "off": delivered live, not kept
	headerControl   = "Alertrelay-Control" // of a control message: what to do; none means controlDelete
	storeOff        = "off"
	controlDelete   = "delete"
	controlCreate   = "create" // a subscriber has made the channel
	controlExpire   = "expire" // the channel is idle since the sequence in headerSince
	headerSince     = "Alertrelay-Since"
)

// Headers that mean something to the server.
const (
	headerMsgID           = "Nats-Msg-Id"
	headerTTL             = "Nats-TTL"
	headerExpectLast      = "Nats-Expected-Last-Subject-Sequence"
	headerSubject         = "Nats-Subject"
	headerSequence        = "Nats-Sequence"
	headerTime            = "Nats-Time-Stamp"
	headerPending         = "Nats-Num-Pending"
	headerLast            = "Nats-Last-Sequence"
	headerStatus          = "Status"
	headerDescription     = "Description"
	headerPendingMessages = "Nats-Pending-Messages"
	headerRollup          = "Nats-Rollup"
	headerMarkerReason    = "Nats-Marker-Reason" // of a marker that the server puts in place of what has expired
	headerKVOperation     = "KV-Operation"
)

// message makes a message of what is in the stream.
func message(channel string, seq uint64, at time.Time, h nats.Header, text []byte) relay.Message {
	return relay.Message{
		Seq: seq, Channel: channel, Time: at.UTC(), Text: text,
		EventID: value(h, headerEventID), EventType: value(h, headerEventType), Stored: !is(h, headerStore, storeOff),
	}
}

// value returns the value of a header whatever case its name has: "nats pub -H"
// keeps the one it was given. nil means that there is none. All relays must take
// the same of several.
func value(h nats.Header, name string) *string {
	if values := h[name]; len(values) > 0 {
		return &values[0]
	}
	found := ""
	for other, values := range h {
		if len(values) > 0 && strings.EqualFold(other, name) && (found == "" || other < found) {
			found = other
		}
	}
	if found == "" {
		return nil
	}
	return &h[found][0]
}

// first returns the first value of a header, the one that counts for the server.
func first(h nats.Header, name string) string {
	if values := h[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

func is(h nats.Header, name, want string) bool {
	got := value(h, name)
	return got != nil && *got == want
}

// lastValue returns the last value of a header. Where the server appends its own
// headers to those of the publisher, the earlier ones can be forged.
func lastValue(h nats.Header, name string) string {
	values := h[name]
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}

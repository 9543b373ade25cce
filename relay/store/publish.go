package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"

	"alertrelay/relay"
)

// unstoredTTL is how long a message that is not to be kept stays in the stream,
// for every relay to deliver it.
const unstoredTTL = "1s"

// Publish stores a message. When it returns without an error, the message is in
// the stream. Errors: relay.ErrUnavailable, relay.ErrConflict, relay.ErrTooLarge,
// relay.ErrIDTooLong, relay.ErrNoChannel. It waits up to PublishTimeout or the
// deadline of ctx; once sent, a message is not called back when ctx is cancelled.
// A DedupID counts within its channel.
func (s *Store) Publish(ctx context.Context, p relay.Publication) (relay.Receipt, error) {
	subject, err := s.subject(s.opts.Prefix, p.Channel)
	if err != nil {
		return relay.Receipt{}, err
	}
	h := s.headers(&p)
	r, resent, err := s.send(ctx, &nats.Msg{Subject: subject, Header: h, Data: p.Text})
	if err == nil && r.Duplicate && p.ExpectLast != nil && !resent {
		// The server looks at the sequence before it looks at the id: the
		// channel's last message is the expected one, so the one that this
		// repeats is not there any more. The channel was deleted.
		h[headerMsgID] = []string{nuid.Next()}
		return s.again(ctx, &nats.Msg{Subject: subject, Header: h, Data: p.Text})
	}
	if resent && errors.Is(err, relay.ErrConflict) {
		// For the same reason the conflict may be with our own first try.
		last, lastErr := s.stored(ctx, "last message", getRequest{LastFor: subject})
		if lastErr == nil && first(last.header, headerMsgID) == h[headerMsgID][0] {
			return relay.Receipt{Seq: last.seq, Duplicate: p.DedupID != ""}, nil
		}
	}
	if resent && p.DedupID == "" {
		r.Duplicate = false // it repeats nothing but itself
	}
	return r, err
}

func (s *Store) again(ctx context.Context, m *nats.Msg) (relay.Receipt, error) {
	r, _, err := s.send(ctx, m)
	return r, err
}

// headers are those of the message for a publication.
func (s *Store) headers(p *relay.Publication) nats.Header {
	h := nats.Header{headerMsgID: {messageID(p.Channel, p.DedupID)}}
	if p.EventID != nil {
		h[headerEventID] = []string{*p.EventID}
	}
	if p.EventType != nil {
		h[headerEventType] = []string{*p.EventType}
	}
	switch {
	case p.Unstored:
		h[headerStore] = []string{storeOff}
		h[headerTTL] = []string{unstoredTTL}
	case p.ExpectLast != nil:
		// No TTL: when the newest message of an alert expires, the one before
		// it would become its state.
	default:
		if ttl := s.ttl(p.Channel); ttl != "" {
			h[headerTTL] = []string{ttl}
		}
	}
	if p.ExpectLast != nil {
		h[headerExpectLast] = []string{strconv.FormatUint(*p.ExpectLast, 10)}
	}
	return h
}

// messageID is the Nats-Msg-Id for a DedupID, or one of its own. The server
// compares ids over the whole stream: without the channel in it, one publication
// to two channels would be stored in the first and acknowledged for both.
func messageID(channel, dedupID string) string {
	if dedupID == "" {
		return nuid.Next()
	}
	return escape(channel) + " " + oneLine.Replace(strings.TrimSpace(dedupID))
}

// oneLine does what the library would do to a header.
var oneLine = strings.NewReplacer("\r", " ", "\n", " ")

// dedupIDOf undoes messageID. What another has put there is returned as it is.
func dedupIDOf(channel string, h nats.Header) string {
	id := first(h, headerMsgID)
	if own, ok := strings.CutPrefix(id, escape(channel)+" "); ok {
		return own
	}
	return id
}

// send publishes within PublishTimeout and the deadline of ctx.
func (s *Store) send(ctx context.Context, m *nats.Msg) (r relay.Receipt, resent bool, err error) {
	if err := s.whenOpen("publish"); err != nil {
		return relay.Receipt{}, false, err
	}
	if err := ctx.Err(); err != nil {
		return relay.Receipt{}, false, unavailable("publish", err)
	}
	timeout := s.opts.PublishTimeout
	if deadline, ok := ctx.Deadline(); ok {
		timeout = min(timeout, time.Until(deadline))
	}
	return s.acks.publish(m, timeout)
}

// subject returns the subject of a channel under the prefix, if it can have one.
func (s *Store) subject(prefix, channel string) (string, error) {
	if channel == "" {
		return "", fmt.Errorf("store: %w", relay.ErrNoChannel)
	}
	subject := Subject(prefix, channel)
	if len(subject) > maxSubject {
		return "", fmt.Errorf("store: %w: its subject has %d bytes, %d are possible", relay.ErrIDTooLong, len(subject), maxSubject)
	}
	return subject, nil
}

// wholeSeconds is a Nats-TTL: the server takes no fractions.
func wholeSeconds(d time.Duration) string {
	return strconv.Itoa(int((d+time.Second-1)/time.Second)) + "s"
}

// ttl is the Nats-TTL of a channel whose group keeps messages for a shorter time
// than the stream; empty if it does not.
func (s *Store) ttl(channel string) string {
	age := s.opts.Limits(channel).MaxAge
	if age <= 0 || age >= s.opts.MaxAge {
		return ""
	}
	return wholeSeconds(age)
}

package store

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"
)

const (
	pullMessages   = 1000             // that may be under way
	pullBytes      = 16 << 20         // of one request, unless start says less; there are two at most, or nearly so
	pullHeartbeat  = 2 * time.Second  // the server says so often that it is there
	pullExpires    = 30 * time.Second // after which a request is made again
	pullConsumer   = 30 * time.Second // after which the server forgets an abandoned consumer
	pullDeleteWait = time.Second
)

// pull is a consumer on the server that sends every message once, in order, for
// as long as the connection lasts.
//
// The library's ordered consumer is not used: it takes a message with an empty
// body and a header "Status" for a word of the server, and asks for it again for
// ever. Any publisher can send one (TestForgedHeaders). Here a message is told
// by its reply subject, which only the server sets.
type pull struct {
	stream *stream
	name   string
	inbox  string
	sub    *nats.Subscription
	msgs   chan *nats.Msg
	status chan nats.Status

	batch     int // messages that may be under way
	maxBytes  int // of one request, 0: any number
	expires   time.Duration
	initial   uint64    // messages there were for it when it was made
	open      int       // messages that requests may still bring
	got       int       // messages since the last request
	delivered uint64    // sequence of the last message within the consumer
	heard     time.Time // the last sign of the server
}

var errLost = errors.New("store: the connection was lost")

// start is where a consumer begins: with a sequence, or a time, or with the
// newest message of each subject; and which subjects it brings, all if there is
// no filter.
type start struct {
	seq            uint64
	time           time.Time
	lastPerSubject bool
	filter         string
	batch          int // messages that may be under way, pullMessages if 0
	maxBytes       int // of one request, pullBytes if 0
}

func (st start) config(name string) map[string]any {
	cfg := map[string]any{
		"name": name, "ack_policy": "none", "max_deliver": 1, "mem_storage": true, "num_replicas": 1, "inactive_threshold": pullConsumer,
	}
	switch {
	case st.lastPerSubject:
		cfg["deliver_policy"] = "last_per_subject"
	case !st.time.IsZero():
		cfg["deliver_policy"], cfg["opt_start_time"] = "by_start_time", st.time.UTC()
	default:
		cfg["deliver_policy"], cfg["opt_start_seq"] = "by_start_sequence", st.seq
	}
	if st.filter != "" {
		cfg["filter_subject"] = st.filter
	} else if st.lastPerSubject {
		cfg["filter_subject"] = ">"
	}
	return cfg
}

// newPull makes a consumer. The error has
// codeStreamNotFound if there is no stream.
func (s *stream) newPull(ctx context.Context, from start) (*pull, error) {
	p := &pull{
		stream: s, name: nuid.Next(), inbox: s.nc.NewInbox(), heard: time.Now(),
		batch: cmp.Or(from.batch, pullMessages), maxBytes: cmp.Or(from.maxBytes, pullBytes), expires: pullExpires,
		// No more is asked for at a time: messages, and a few words on them.
		msgs:   make(chan *nats.Msg, pullMessages+64),
		status: s.nc.StatusChanged(nats.RECONNECTING, nats.CONNECTED, nats.CLOSED),
	}
	if from.lastPerSubject {
		// Where a request ends in front of a message, of its bytes or its time,
		// the server takes that message off the list it has for this policy, and
		// does not put it back (v2.15.2, consumer.go: getNextMsg).
		p.maxBytes, p.expires = 0, time.Hour
	}
	if err := p.begin(ctx, from); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *pull) begin(ctx context.Context, from start) (err error) {
	if p.sub, err = p.stream.nc.ChanSubscribe(p.inbox, p.msgs); err != nil {
		return unavailable("make consumer", err)
	}
	var made struct {
		Pending uint64 `json:"num_pending"`
	}
	request := map[string]any{
		"stream_name": p.stream.name,
		"config":      from.config(p.name),
	}
	if err := p.stream.api(ctx, "CONSUMER.CREATE."+p.stream.name+"."+p.name, request, &made); err != nil {
		return err
	}
	p.initial = made.Pending
	return p.request()
}

// close takes the consumer away from the server, which would otherwise keep it
// for a while.
func (p *pull) close() {
	p.stream.nc.RemoveStatusListener(p.status)
	if p.sub == nil {
		return
	}
	_ = p.sub.Unsubscribe()
	if !p.stream.nc.IsConnected() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), pullDeleteWait)
	defer cancel()
	_ = p.stream.api(ctx, "CONSUMER.DELETE."+p.stream.name+"."+p.name, nil, &struct{}{})
}

// request asks for more.
func (p *pull) request() error { return p.ask(p.batch-p.open, p.maxBytes) }

// requestOne asks for one message, however large, beside what was asked for.
func (p *pull) requestOne() error { return p.ask(1, 0) }

// ask asks for a number of messages; maxBytes 0 sets no bound.
func (p *pull) ask(batch, maxBytes int) error {
	body, err := json.Marshal(map[string]any{
		"batch": batch, "max_bytes": maxBytes, "expires": p.expires, "idle_heartbeat": pullHeartbeat,
	})
	if err != nil {
		return fmt.Errorf("store: request messages: %w", err)
	}
	if err := p.stream.nc.PublishRequest("$JS.API.CONSUMER.MSG.NEXT."+p.stream.name+"."+p.name, p.inbox, body); err != nil {
		return unavailable("request messages", err)
	}
	p.open += batch
	p.got = 0
	return nil
}

// next waits for the next message. m is nil if ctx has ended before it came.
// After an error the consumer is of no use any more.
func (p *pull) next(ctx context.Context) (m *nats.Msg, meta *nats.MsgMetadata, err error) {
	for {
		select {
		case m = <-p.msgs:
		default:
			select {
			case m = <-p.msgs:
			case <-p.status:
				// What was under way is lost, and requests are forgotten.
				return nil, nil, errLost
			case <-ctx.Done():
				if silence := time.Since(p.heard); silence > 3*pullHeartbeat {
					return nil, nil, fmt.Errorf("store: nothing was heard of the consumer for %v", silence)
				}
				return nil, nil, nil
			}
		}
		p.heard = time.Now()
		if !strings.HasPrefix(m.Reply, "$JS.ACK.") {
			if err := p.word(m); err != nil {
				return nil, nil, err
			}
			continue
		}
		meta, err := m.Metadata()
		switch {
		case err != nil:
			return nil, nil, fmt.Errorf("store: next message: %w", err)
		case meta.Consumer != p.name || meta.Sequence.Consumer != p.delivered+1:
			return nil, nil, fmt.Errorf("store: the consumer sent its message %d after %d", meta.Sequence.Consumer, p.delivered)
		}
		p.delivered++
		p.got++
		if p.open--; p.open <= p.batch/2 {
			if err := p.request(); err != nil {
				return nil, nil, err
			}
		}
		return m, meta, nil
	}
}

// word takes what the server says about a request.
func (p *pull) word(m *nats.Msg) error {
	description := m.Header.Get(headerDescription)
	// Of a request that ends, what it has not brought.
	p.open -= min(p.open, int(number(m.Header, headerPendingMessages)))
	switch m.Header.Get(headerStatus) {
	case "100": // it is there
		return nil
	case "404", "408": // nothing has come for a while
		return p.request()
	case "409":
		switch {
		case strings.Contains(description, "Batch Completed"):
			return nil // the next request is under way
		case !strings.Contains(description, "MaxBytes"):
		case p.got > 0:
			return p.request()
		default: // one message is larger than all that was asked for
			return p.requestOne()
		}
	}
	return fmt.Errorf("store: the consumer has ended: %s %s", m.Header.Get(headerStatus), description)
}

// rest asks the server how many messages there are for the consumer that have
// not been taken. gone is true if there is no such consumer any more.
func (p *pull) rest(ctx context.Context) (n uint64, gone bool, err error) {
	var info struct {
		Pending   uint64 `json:"num_pending"`
		Delivered struct {
			Consumer uint64 `json:"consumer_seq"`
		} `json:"delivered"`
	}
	err = p.stream.api(ctx, "CONSUMER.INFO."+p.stream.name+"."+p.name, nil, &info)
	if err != nil {
		return 0, isCode(err, codeConsumerNotFound), err
	}
	return info.Pending + info.Delivered.Consumer - min(info.Delivered.Consumer, p.delivered), false, nil
}

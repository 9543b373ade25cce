package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"alertrelay/relay"
)

// apiTimeout is the deadline of one request to JetStream.
const apiTimeout = 5 * time.Second

// Error codes of JetStream that mean something to us.
const (
	codeStreamNotFound    = 10059
	codeConsumerNotFound  = 10014
	codeMessageNotFound   = 10037
	codeMessageTooLarge   = 10054
	codeHeaderTooLarge    = 10097
	codeWrongLastSequence = 10071
	codeWrongLastConstant = 10164 // the same, for a server that does not say which
	codeStreamNameInUse   = 10058
	codeNoPeers           = 10005
	codeSubjectsOverlap   = 10065
)

type apiError struct {
	Code        int    `json:"code"`
	ErrCode     int    `json:"err_code"`
	Description string `json:"description"`
}

func (e *apiError) Error() string { return fmt.Sprintf("%s (%d)", e.Description, e.ErrCode) }

func isCode(err error, code int) bool {
	if e := (*apiError)(nil); errors.As(err, &e) {
		return e.ErrCode == code
	}
	if e := (*jetstream.APIError)(nil); errors.As(err, &e) {
		return int(e.ErrorCode) == code
	}
	return false
}

// stream is a stream on the server. What is asked of it is asked of its leader,
// but for pages.
type stream struct {
	nc   *nats.Conn
	name string
	gate func(op string) error // refuses what is asked too early; nil: nothing is
}

// api sends a request to JetStream and decodes the answer. An error that is
// neither an *apiError nor one of decoding is relay.ErrUnavailable.
func (s *stream) api(ctx context.Context, op string, request, response any) error {
	if s.gate != nil {
		if err := s.gate(op); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	var body []byte
	if request != nil {
		var err error
		if body, err = json.Marshal(request); err != nil {
			return fmt.Errorf("store: %s: %w", op, err)
		}
	}
	m, err := s.nc.RequestWithContext(ctx, "$JS.API."+op, body)
	if err != nil {
		return unavailable(op, err)
	}
	var failed struct {
		Error *apiError `json:"error"`
	}
	if err := json.Unmarshal(m.Data, &failed); err != nil {
		return fmt.Errorf("store: %s: %w", op, err)
	}
	if failed.Error != nil {
		if failed.Error.Code >= 500 { // the server's trouble
			return unavailable(op, failed.Error)
		}
		return fmt.Errorf("store: %s: %w", op, failed.Error)
	}
	if err := json.Unmarshal(m.Data, response); err != nil {
		return fmt.Errorf("store: %s: %w", op, err)
	}
	return nil
}

// unavailable wraps an error of the connection or of a server that cannot
// answer now.
func unavailable(op string, err error) error {
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		err = errors.New("no JetStream answers")
	case errors.Is(err, nats.ErrReconnectBufExceeded): // we have none
		err = errors.New("not connected to NATS")
	}
	return fmt.Errorf("store: %s: %w: %w", op, relay.ErrUnavailable, err)
}

// state is what the stream looks like at a moment.
type state struct {
	created     time.Time
	first, last uint64 // sequences; first is last+1 if there are no messages
	lastTime    time.Time
	msgs, bytes uint64
}

// state asks for the stream's state. The error is an *apiError with
// codeStreamNotFound if there is no stream.
func (s *stream) state(ctx context.Context) (state, error) {
	var info struct {
		Created time.Time `json:"created"`
		State   struct {
			Msgs     uint64    `json:"messages"`
			Bytes    uint64    `json:"bytes"`
			FirstSeq uint64    `json:"first_seq"`
			LastSeq  uint64    `json:"last_seq"`
			LastTime time.Time `json:"last_ts"`
		} `json:"state"`
	}
	if err := s.api(ctx, "STREAM.INFO."+s.name, nil, &info); err != nil {
		return state{}, err
	}
	st := info.State
	return state{
		created: info.Created, first: st.FirstSeq, last: st.LastSeq, lastTime: st.LastTime, msgs: st.Msgs, bytes: st.Bytes,
	}, nil
}

// StoredAt asks the stream's leader when the message of this sequence was
// stored. ok is false if there is no such message.
func (s *Store) StoredAt(ctx context.Context, seq uint64) (at time.Time, ok bool, err error) {
	return s.storedAt(ctx, seq)
}

func (s *stream) storedAt(ctx context.Context, seq uint64) (at time.Time, ok bool, err error) {
	var got struct {
		Message struct {
			Time time.Time `json:"time"`
		} `json:"message"`
	}
	err = s.api(ctx, "STREAM.MSG.GET."+s.name, map[string]uint64{"seq": seq}, &got)
	if isCode(err, codeMessageNotFound) {
		return time.Time{}, false, nil
	}
	return got.Message.Time, err == nil, err
}

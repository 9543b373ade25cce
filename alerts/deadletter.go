package alerts

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
	"unicode/utf8"

	"alertrelay/relay"
)

// DeadLetterChannel is the channel of a source's dead letters.
func DeadLetterChannel(source string) string { return "_meta.deadletter." + source }

// DeadLetter is a body that nothing gives a meaning to. Its JSON is one line of at
// most 64 KiB, the text of a message in DeadLetterChannel.
type DeadLetter struct {
	Source string `json:"source"`
	// Reason is what the sender was told.
	Reason string `json:"reason"`
	// At is when the body came.
	At          time.Time `json:"at"`
	ContentType string    `json:"contentType"`
	// Body is as it came; with Encoding "base64" it is not UTF-8, or its escapes
	// would not fit.
	Body     string `json:"body"`
	Encoding string `json:"encoding,omitempty"`
	// Size is the body's, and Cut is true if Body is only its beginning.
	Size int  `json:"size"`
	Cut  bool `json:"cut,omitempty"`
}

const (
	maxDeadLetter = 64 << 10
	// maxDeadBody leaves room for the rest: in base64 it is 56 KiB.
	maxDeadBody    = 42 << 10
	maxDeadReason  = 512
	maxDeadContent = 128
)

// encode returns the JSON of a dead letter with as much of the body as fits.
func (d DeadLetter) encode(body []byte) ([]byte, error) {
	d.Reason, d.ContentType = Cut(d.Reason, maxDeadReason), Cut(d.ContentType, maxDeadContent)
	if len(body) > maxDeadBody {
		d.Cut = true
		whole := body
		for body = body[:maxDeadBody]; len(body) > 0 && !utf8.RuneStart(whole[len(body)]) && maxDeadBody-len(body) < utf8.UTFMax; {
			body = body[:len(body)-1]
		}
	}
	if utf8.Valid(body) {
		d.Body = string(body)
		text, err := oneLine(d)
		if err != nil || len(text) <= maxDeadLetter {
			return text, err
		}
	}
	d.Body, d.Encoding = base64.StdEncoding.EncodeToString(body), "base64"
	return oneLine(d)
}

func oneLine(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("alerts: dead letter: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// unmapped keeps a body that nothing gives a meaning to, and returns its refusal.
// If it cannot be kept, the error is another one, and the sender is told to try
// again: nothing is lost silently.
func (in *Intake) unmapped(ctx context.Context, source string, header http.Header, body []byte, why error) error {
	refused := &refusal{http.StatusUnprocessableEntity, reasonUnmapped, why}
	if in.opts.DeadLetters == nil {
		return refused
	}
	letter := DeadLetter{
		Source: source, Reason: why.Error(), At: in.opts.Now().UTC().Truncate(time.Millisecond),
		ContentType: header.Get("Content-Type"), Size: len(body),
	}
	// A sender that tries a body again makes one dead letter.
	h := sha256.New()
	fmt.Fprintf(h, "%q %q ", letter.Reason, letter.ContentType)
	h.Write(body)
	p := relay.Publication{Channel: DeadLetterChannel(source), DedupID: "deadletter/" + source + "/" + hex.EncodeToString(h.Sum(nil)[:16])}
	var err error
	if p.Text, err = letter.encode(body); err != nil {
		return err
	}
	_, err = in.opts.DeadLetters.Publish(ctx, p)
	if errors.Is(err, relay.ErrTooLarge) { // a store for less than 64 KiB
		letter.Cut = true
		if p.Text, err = letter.encode(nil); err != nil {
			return err
		}
		_, err = in.opts.DeadLetters.Publish(ctx, p)
	}
	if err != nil {
		return fmt.Errorf("alerts: dead letter: %w", err)
	}
	return refused
}

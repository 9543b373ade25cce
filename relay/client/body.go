package client

import (
	"context"
	"errors"
	"io"
)

// watchedBody is a body whose request ends when it is closed, and whose errors
// say why it was ended.
type watchedBody struct {
	io.ReadCloser
	ctx   context.Context
	close func()
}

// Read reads, and names the reason if the request was cancelled.
func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		if cause := context.Cause(b.ctx); cause != nil {
			err = cause
		}
	}
	return n, err
}

// Close ends the request.
func (b *watchedBody) Close() error {
	b.close()
	return b.ReadCloser.Close()
}

package relay

import (
	"errors"
	"time"
)

// HubSettings are those of the HubOptions that can change while the Hub is in
// use. The fields are as there, and so is what zero means.
type HubSettings struct {
	Inactivity          time.Duration
	MaxChannels         int
	MaxWildcardChannels int
	MaxWildcards        int
	DeletedText         string
}

// settings are those of the start.
func (o *HubOptions) settings() HubSettings {
	return HubSettings{
		Inactivity: o.Inactivity, MaxChannels: o.MaxChannels, MaxWildcardChannels: o.MaxWildcardChannels,
		MaxWildcards: o.MaxWildcards, DeletedText: o.DeletedText,
	}
}

// Configure changes settings, for whatever comes from now on: channels that are
// there beyond a new limit stay. The error is of values that make no sense, and
// then nothing has changed. It may be called at any time, by any goroutine.
func (h *Hub) Configure(s HubSettings) error {
	if s.Inactivity < 0 || s.MaxChannels < 0 || s.MaxWildcardChannels < 0 || s.MaxWildcards < 0 {
		return errors.New("relay: hub options must not be negative")
	}
	if s.Inactivity == 0 {
		s.Inactivity = 30 * time.Second
	}
	if s.MaxChannels == 0 {
		s.MaxChannels = 1_000_000
	}
	if s.MaxWildcardChannels == 0 {
		s.MaxWildcardChannels = 1_000_000
	}
	if s.MaxWildcards == 0 {
		s.MaxWildcards = 1_000
	}
	if s.DeletedText == "" {
		s.DeletedText = "Channel deleted"
	}
	h.settings.Store(&s)
	return nil
}

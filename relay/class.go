package relay

import "strings"

// Two classes of channels are counted and limited apart, as the module does:
// those whose id begins with HubOptions.WildcardPrefix, which it calls wildcard
// channels, and all others. It has nothing to do with wildcards such as "db.>".

// isPrefixed reports whether an id is of the first class.
func (h *Hub) isPrefixed(id string) bool {
	return h.opts.WildcardPrefix != "" && strings.HasPrefix(id, h.opts.WildcardPrefix)
}

// counted keeps count of the first class when a channel comes (1) or goes (-1).
func (h *Hub) counted(id string, change int) {
	if h.isPrefixed(id) {
		h.prefixed += change
	}
}

// room reports whether the channels of reqs that do not exist could be made.
func (h *Hub) room(reqs []Request) error {
	normal, prefixed := 0, 0
	for _, req := range reqs {
		switch {
		case IsWildcard(req.Channel) || h.channels[req.Channel] != nil:
		case h.isPrefixed(req.Channel):
			prefixed++
		default:
			normal++
		}
	}
	most := h.settings.Load()
	if normal > 0 && len(h.channels)-h.prefixed+normal > most.MaxChannels ||
		prefixed > 0 && h.prefixed+prefixed > most.MaxWildcardChannels {
		return ErrTooManyChannels
	}
	return nil
}

// CanCreate returns ErrTooManyChannels if publishing to the channels of reqs
// would make more of them than there may be. A message that is published all the
// same is taken: several publishers at once may get a little over the limit.
func (h *Hub) CanCreate(reqs []Request) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.room(reqs)
}

// ChannelCounts is how many channels exist now: those whose id begins with
// HubOptions.WildcardPrefix, and the others.
func (h *Hub) ChannelCounts() (normal, prefixed int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.channels) - h.prefixed, h.prefixed
}

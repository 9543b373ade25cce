package api

import (
	"context"
	"net/http"

	"alertrelay/alerts/track"
)

// person is who says something of an alert.
type person struct {
	By      string `json:"by"`
	Comment string `json:"comment"`
}

// ack notes that somebody has an alert in hand.
func (a *api) ack(w http.ResponseWriter, r *http.Request) error {
	var p person
	err := readPerson(w, r, &p)
	if err != nil {
		return err
	}
	return a.byPerson(w, r, func(ctx context.Context, id string) error {
		if err := a.o.Tracker.Acknowledge(ctx, id, p.By, p.Comment); err != nil {
			return err
		}
		a.logOf(r).Info("alert acknowledged", "id", id)
		if c, err := a.current(id, false); err == nil && a.o.OnAck != nil {
			a.o.OnAck(ctx, c, p.By, p.Comment)
		}
		return nil
	})
}

// unack takes it back.
func (a *api) unack(w http.ResponseWriter, r *http.Request) error {
	var p person
	if err := readPerson(w, r, &p); err != nil {
		return err
	}
	return a.unacknowledge(w, r, p)
}

// dropAck is unack by another name: who and why stand in the query, because many
// clients send no body with DELETE.
func (a *api) dropAck(w http.ResponseWriter, r *http.Request) error {
	q := query(r, "by", "comment")
	p := person{By: q.one("by"), Comment: q.one("comment")}
	if q.err != nil {
		return q.err
	}
	if err := checkSigned(r, &p); err != nil {
		return err
	}
	return a.unacknowledge(w, r, p)
}

func (a *api) unacknowledge(w http.ResponseWriter, r *http.Request, p person) error {
	return a.byPerson(w, r, func(ctx context.Context, id string) error {
		if err := a.o.Tracker.Unacknowledge(ctx, id, p.By, p.Comment); err != nil {
			return err
		}
		a.logOf(r).Info("acknowledgement taken back", "id", id)
		return nil
	})
}

func readPerson(w http.ResponseWriter, r *http.Request, p *person) error {
	if q := query(r); q.err != nil {
		return q.err
	}
	if err := readJSON(w, r, p); err != nil {
		return err
	}
	return checkSigned(r, p)
}

func checkSigned(r *http.Request, p *person) error {
	if err := signed(r, "by", &p.By); err != nil {
		return err
	}
	return checkPerson("by", &p.By, &p.Comment)
}

// byPerson does something with an alert and answers with what it is then.
func (a *api) byPerson(w http.ResponseWriter, r *http.Request, do func(ctx context.Context, id string) error) error {
	ctx, cancel := context.WithTimeout(r.Context(), requestTime)
	defer cancel()
	id := r.PathValue("id")
	if err := do(ctx, id); err != nil {
		return err
	}
	c, err := a.current(id, true)
	if err != nil { // it has ended meanwhile, in a channel that was deleted
		return track.ErrNotActive
	}
	answer(w, r, http.StatusOK, newAlert(&c))
	return nil
}

package events

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// Gate lets in the HTTP callbacks that VOD sent. It is safe for concurrent use.
type Gate struct {
	Signer Signer
	Seen   *Seen
	Budget *Budget // what one pair of signature headers may pass on; nil: there is no limit
}

// Verdict is the answer to a callback. Whoever is turned away learns nothing from it.
type Verdict struct {
	Status int
	Text   string
}

// The verdicts.
var (
	Accepted    = Verdict{http.StatusOK, "ok"}
	SeenBefore  = Verdict{http.StatusOK, "seen before"}
	Malformed   = Verdict{http.StatusBadRequest, "malformed"}
	Unsigned    = Verdict{http.StatusUnauthorized, "not signed"}
	Forged      = Verdict{http.StatusForbidden, "signature not accepted"}
	NoPost      = Verdict{http.StatusMethodNotAllowed, "POST only"}
	TooLarge    = Verdict{http.StatusRequestEntityTooLarge, "body too large"}
	OverBudget  = Verdict{http.StatusTooManyRequests, "too many with this signature"}
	NotPassedOn = Verdict{http.StatusInternalServerError, "try again"}
)

// Response is the verdict as an HTTP trigger takes it.
func (v Verdict) Response() Response {
	body, _ := json.Marshal(map[string]string{"message": v.Text}) // a text of ours
	return Response{StatusCode: v.Status, Headers: map[string]string{"Content-Type": "application/json"}, Body: string(body)}
}

// Unreadable is the verdict on an event that no request can be read from.
func Unreadable(err error) Verdict {
	if errors.Is(err, ErrTooLarge) {
		return TooLarge
	}
	return Malformed
}

// Pass looks at what costs least first: the head, and the body only of a request whose
// signature is right and has a budget left; nil: the request has it already. What is new and readable goes to act. An error
// of act answers 500, so that VOD tries again while it still does, and that try is let in.
func (g *Gate) Pass(req Request, body func() ([]byte, error), now time.Time, act func(Notice) error) Verdict {
	if verdict := g.head(req, now); verdict != Accepted {
		return verdict
	}
	if body != nil {
		var err error
		if req.Body, err = body(); err != nil {
			return Unreadable(err)
		}
	}
	if g.Seen.Repeat(req, now) {
		return SeenBefore
	}
	notice, err := DecodeNotice(req.Body)
	if err != nil {
		return Malformed
	}
	if g.Budget != nil && !g.Budget.take(g.Signer.Pair(req), now) {
		return OverBudget
	}
	if act(notice) != nil {
		g.Seen.Forget(req)
		return NotPassedOn
	}
	return Accepted
}

// head is the verdict on a request without its body.
func (g *Gate) head(req Request, now time.Time) Verdict {
	switch err := g.Signer.Verify(req, now); {
	case errors.Is(err, ErrUnsigned):
		return Unsigned
	case err != nil:
		return Forged
	case req.Method != http.MethodPost:
		return NoPost
	case g.Budget != nil && !g.Budget.left(g.Signer.Pair(req), now):
		return OverBudget
	}
	return Accepted
}

package state

import (
	"context"
	"fmt"
	"time"

	"vodcurator/shared/decide/retention"
)

// Outside reads what a policy must know besides the library: the hold list and
// the last views, where it names them. One that is named and cannot be read is
// an error, and then nothing may be decided: whatever it holds would go.
func Outside(ctx context.Context, o Objects, p *retention.Policy, now time.Time) (retention.Moment, error) {
	at := retention.Moment{Now: now.UTC()}
	if err := p.Check(); err != nil {
		return at, err
	}
	if p.HoldList != "" {
		body, err := o.Read(ctx, p.HoldList)
		if err == nil {
			at.Held, err = retention.ParseHolds(body)
		}
		if err != nil {
			return retention.Moment{}, fmt.Errorf("hold list: %w", err)
		}
	}
	if p.Usage != "" {
		body, err := o.Read(ctx, p.Usage)
		if err == nil {
			at.Viewed, err = retention.ParseUsage(body)
		}
		if err != nil {
			return retention.Moment{}, fmt.Errorf("usage: %w", err)
		}
	}
	return at, nil
}

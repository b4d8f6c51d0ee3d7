package removal

import (
	"context"
	"fmt"
	"time"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

// Categories tells the library's tree of categories.
type Categories interface {
	Categories(ctx context.Context) ([]video.Category, error)
}

// LoadInputs reads what a policy must know besides the media: the hold list, the last
// views and the tree of categories, where it asks for them. What it asks for and
// cannot be read is an error, and then nothing may be decided: whatever it holds
// would go.
func LoadInputs(ctx context.Context, o state.Objects, tree Categories, p *retention.Policy, now time.Time) (retention.Inputs, error) {
	return new(Usage).LoadInputs(ctx, o, tree, p, now)
}

// Usage remembers the last views for a run, which so reads their file once; all else
// is read each time. The zero Usage has read nothing.
type Usage struct {
	viewed func(video.ID) (time.Time, bool)
	newest time.Time
}

// LoadInputs is the function of that name, with the views as they were at its first call.
func (u *Usage) LoadInputs(ctx context.Context, o state.Objects, tree Categories, p *retention.Policy, now time.Time) (retention.Inputs, error) {
	at := retention.Inputs{Now: now.UTC()}
	if err := p.Check(); err != nil {
		return at, err
	}
	if p.HoldList != "" {
		body, err := o.Read(ctx, p.HoldList)
		if err == nil {
			at.Held, err = retention.ParseHolds(body)
		}
		if err != nil {
			return retention.Inputs{}, fmt.Errorf("hold list: %w", err)
		}
	}
	if p.HoldsCategories() {
		all, err := tree.Categories(ctx)
		if err != nil {
			return retention.Inputs{}, fmt.Errorf("held categories: %w", err)
		}
		at.Above = retention.Above(all)
	}
	if p.Usage != "" && u.viewed == nil {
		body, err := o.Read(ctx, p.Usage)
		if err == nil {
			var views retention.Usage
			if views, err = retention.ParseUsageFile(body); err == nil {
				u.viewed, u.newest = views.Last, views.Newest
			}
		}
		if err != nil {
			return retention.Inputs{}, fmt.Errorf("usage: %w", err)
		}
	}
	at.Viewed, at.NewestView = u.viewed, u.newest
	return at, nil
}

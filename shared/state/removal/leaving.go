package removal

import (
	"context"
	"fmt"
	"time"

	"vodcurator/shared/decide/retention"
	"vodcurator/shared/state"
	"vodcurator/shared/video"
)

// LoadLeaving says, for a policy that moves, why the latest plan that removes takes an asset
// or a part of it that would move; empty: it does not. Images are no such part. For a policy
// that removes it is nil. A list that cannot be read is an error: what leaves is not moved.
func LoadLeaving(ctx context.Context, o state.Objects, p *retention.Policy, scope video.Scope, now time.Time) (func(video.ID) string, error) {
	if p.Duty != retention.Moving {
		return nil, nil //nolint:nilnil // it is not asked
	}
	removing := func(p Plan) bool { return p.Scope == scope && p.Duty == retention.Removing }
	latest, _, err := LatestPlan(ctx, o, removing, now)
	if err != nil {
		return nil, err
	}
	leaving := map[short]bool{}
	for v, err := range latest.Entries(ctx, o) {
		if err != nil {
			return nil, fmt.Errorf("what plan %s removes, which is not moved: %w", latest.ID, err)
		}
		for _, i := range v.Items {
			if i.Kind != retention.Images {
				leaving[shorten(i.ID)] = true
			}
		}
	}
	return func(id video.ID) string {
		if leaving[shorten(id)] {
			return "plan " + latest.ID + " removes it, or a part of it"
		}
		return ""
	}, nil
}

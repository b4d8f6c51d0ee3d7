package purge

import (
	"strings"
	"time"

	"vodcurator/shared/state"
)

// Refuses says why a run would refuse the plan at once, so that nobody approves it
// in vain; empty: it would not. A plan that is younger than now is no reason: clocks
// of two machines differ.
func (j Job) Refuses(p state.Plan, now time.Time) string {
	if now.Before(p.Created) {
		now = p.Created
	}
	if why := (&run{Job: j, at: now}).refuse(p); why != "" {
		return why
	}
	if len(p.Over) > 0 {
		return "it is over the guards: " + strings.Join(p.Over, "; ")
	}
	return ""
}

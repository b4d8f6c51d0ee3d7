package events_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"vodcurator/events"
)

func TestATickIsActedOnOnlyNearTheClock(t *testing.T) {
	now := time.Date(2026, 11, 22, 17, 0, 1, 500_000_000, time.UTC)
	tests := map[string]struct {
		at, last time.Time
		says     string // empty: it is acted on
	}{
		"in time":                              {now.Add(-time.Second), time.Time{}, ""},
		"ten minutes ahead":                    {now.Add(10 * time.Minute), time.Time{}, ""},
		"more than ten minutes ahead":          {now.Add(10*time.Minute + time.Second), time.Time{}, "10m1s in the future of this function's clock, which says 2026-11-22T17:00:01Z"},
		"next year":                            {now.AddDate(1, 0, 0), time.Time{}, "the tick of 2027-11-22T17:00:01Z lies 8760h0m0s in the future"},
		"a day late":                           {now.Add(-24 * time.Hour), time.Time{}, ""},
		"more than a day late":                 {now.Add(-24*time.Hour - time.Second), time.Time{}, "24h0m1s in the past"},
		"the same again":                       {now.Add(-time.Hour), now.Add(-time.Hour), ""},
		"behind the last":                      {now.Add(-time.Hour), now.Add(-time.Minute), "older than the last one"},
		"behind a last that is of the future":  {now.Add(-time.Hour), now.AddDate(1, 0, 0), ""},
		"without a time":                       {time.Time{}, time.Time{}, "no time"},
		"behind a last a little ahead of now":  {now.Add(-time.Hour), now.Add(9 * time.Minute), "older than the last one"},
		"of another zone, and the same moment": {now.In(time.FixedZone("CST", 8*3600)), now, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			moment, err := events.Tick{At: tc.at}.ActAt(now, tc.last)
			if tc.says != "" {
				require.ErrorIs(t, err, events.ErrRefused)
				require.ErrorContains(t, err, tc.says)
				require.Zero(t, moment)
				return
			}
			require.NoError(t, err)
			require.Equal(t, now.Truncate(time.Second), moment, "the function's clock, and not the event's time")
		})
	}
}

func TestNoTickMovesTheMomentOffTheClock(t *testing.T) {
	now := time.Date(2026, 11, 22, 17, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		seconds := rapid.Int64Range(-4e9, 4e9)
		at, last := now.Add(time.Duration(seconds.Draw(t, "at"))*time.Second), now.Add(time.Duration(seconds.Draw(t, "last"))*time.Second)
		moment, err := events.Tick{At: at}.ActAt(now, last)
		if err == nil {
			require.Equal(t, now, moment)
		}
	})
}

package events_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/events"
)

// What was counted is forgotten when the pair is of no use any more.
func TestABudgetHoldsThePairsOfItsWindow(t *testing.T) {
	b, at := events.NewBudget(5*time.Minute), time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	for range 60 {
		at = at.Add(time.Minute)
		require.True(t, b.Take(at.String(), at))
	}
	require.LessOrEqual(t, b.Pairs(), 12)
}

package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/video"
)

func TestWhatExpiresIsSaidAndIsNoProof(t *testing.T) {
	code, out, errs := vodctl(t, nil, "state", "expire", "--rules")
	require.Zero(t, code, "it needs no STATE: "+errs)
	require.Contains(t, out, "lease/")
	for _, stays := range []string{"plans/", "approvals/", "withdrawn/", "halt/", "ended/", "ledger/"} {
		require.NotContains(t, out, stays)
	}
}

func TestTheCheckOfStateShowsHowFarItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out, errs strings.Builder
		require.NoError(t, (&tool{out: &out, bar: &errs}).checkObjects(t.Context(), slowJournal(8), time.Now()))
		require.Equal(t, "3 objects checked, 0 a second, about 38 %, 20 s left\n6 objects checked, 0 a second, about 75 %, 8.0 s left\n", errs.String())
	})
}

// One that was sent is never said to be unsent, nor the other way round.
func TestSendingShowsHowFarItIsAndEndsAtAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var errs strings.Builder
		changes := make([]video.Change, 3*sentAtOnce+1)
		calls, fault := 0, error(nil)
		send := (&tool{bar: &errs}).telling(func(_ context.Context, some []video.Change) ([]video.Outcome, error) {
			time.Sleep(6 * time.Second)
			if calls++; calls < 3 {
				return make([]video.Outcome, len(some)), nil
			}
			return make([]video.Outcome, len(some)), fault
		})
		all, err := send(t.Context(), changes)
		require.NoError(t, err)
		require.Len(t, all, len(changes))
		require.Equal(t, "640 changes sent, 53 a second, about 67 %, 6.0 s left\n961 changes sent, 40 a second\n", errs.String())

		calls, fault = 0, errors.New("no queue")
		all, err = send(t.Context(), changes)
		require.ErrorIs(t, err, fault)
		require.Equal(t, 3, calls)
		require.Len(t, all, len(changes))
		require.Equal(t, "no queue", all[len(all)-1].Reason)
		require.Equal(t, video.Failed, all[len(all)-1].Result)
	})
}

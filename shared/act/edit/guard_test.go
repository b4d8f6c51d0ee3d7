package edit_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/edit"
	"vodcurator/shared/video"
)

// touchy panics when it is asked about one asset, in company or alone.
type touchy struct {
	*library
	read, write video.ID
}

func (l touchy) Videos(ctx context.Context, ids []video.ID) ([]video.Answer[video.Video], error) {
	for _, id := range ids {
		if id == l.read {
			panic("read " + string(id))
		}
	}
	return l.library.Videos(ctx, ids)
}

func (l touchy) Update(ctx context.Context, us []video.Update) ([]video.Outcome, error) {
	for _, u := range us {
		if u.ID == l.write {
			panic("write " + string(u.ID))
		}
	}
	return l.library.Update(ctx, us)
}

func TestAPanicBelongsToTheAssetThatCausesIt(t *testing.T) {
	var log bytes.Buffer
	l := touchy{newLibrary(5), "v01", "v03"}
	e, err := edit.New(edit.Config{Library: l, State: open(t), Log: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, err)
	var changes []video.Change
	for i := range 5 {
		changes = append(changes, title(fmt.Sprintf("v%02d", i), 1, "new"))
	}
	require.Equal(t, "done rejected done failed done", run(t, e, changes...), "the write that panicked is asked about, and had no effect")
	require.Contains(t, log.String(), "guard_test.go", "the stack is in the log")
	require.Equal(t, "done", run(t, e, title("v02", 2, "newer")), "the next batch goes on")
}

// A moment that is in the year 9999 in its zone and in the year 10000 in UTC cannot be
// written as JSON again.
func TestAMomentThatCannotBeWrittenIsRefusedBeforeItIsComputedWith(t *testing.T) {
	edge := time.Date(9999, 12, 31, 23, 30, 0, 0, time.FixedZone("", -3600))
	for _, s := range []bool{true, false} {
		poison := title("v00", 1, "x")
		if s {
			poison.IfUnmodifiedSince = edge
		} else {
			poison.IssuedAt = edge
		}
		require.Equal(t, "rejected done done", run(t, editor(t, newLibrary(2), open(t)), poison, title("v00", 2, "y"), title("v01", 1, "z")))
	}
}

// A list of tags is sent as a whole, so a tag of people that only the creating call takes
// stops every change of the list, and nothing but these.
func TestAListThatCanNeverPassIsDecidedWithoutACall(t *testing.T) {
	l := newLibrary(1)
	long := "中华人民共和国成立七十周年"
	l.videos["v00"] = video.Video{ID: "v00", Title: "old", Tags: []string{long, "mine"}}
	e := editor(t, l, open(t))
	change := video.Change{ID: "v00", IssuedAt: at(1), Tags: video.TagEdit{Add: []string{"promo"}}}
	outcomes, err := e.Edit(t.Context(), "run", []video.Change{change, title("v00", 1, "new")})
	require.NoError(t, err)
	require.Equal(t, "rejected done", results(outcomes))
	require.Contains(t, outcomes[0].Reason, "has 39 bytes, at most 32; not written")
	require.Equal(t, []string{long, "mine"}, l.videos["v00"].Tags)

	// The remedy that it names works.
	change.Tags, change.IssuedAt = video.TagEdit{Remove: []string{long}, Add: []string{"promo"}}, at(2)
	require.Equal(t, "done", run(t, e, change))
	require.Equal(t, []string{"mine", "promo"}, l.videos["v00"].Tags)
}

// A producer in a loop: many changes of one asset, each about another tag.
func TestThousandsOfChangesOfOneAssetCostTheirNumber(t *testing.T) {
	took := func(n int) time.Duration {
		var changes []video.Change
		for i := range n {
			changes = append(changes, video.Change{ID: "v00", IssuedAt: at(i), Tags: video.TagEdit{Remove: []string{fmt.Sprintf("t%d", i)}}})
		}
		e := editor(t, newLibrary(1), nil)
		start := time.Now()
		_, err := e.Edit(t.Context(), "run", changes)
		require.NoError(t, err)
		return time.Since(start)
	}
	took(1000)
	few, many := took(2_000), took(40_000)
	t.Logf("2,000 changes %s, 40,000 changes %s", few, many)
	require.Less(t, many, 80*max(few, 5*time.Millisecond), "twenty times as many, and no more than four times that for chance")
}

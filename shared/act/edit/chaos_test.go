package edit_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"vodcurator/shared/act/edit"
	"vodcurator/shared/decide/tagging"
	"vodcurator/shared/state/statetest"
	"vodcurator/shared/video"
)

// chaos is one video, a few changes of it, and everything that can go wrong while they
// are delivered in any order, in part and again.
type chaos struct {
	*rand.Rand
	changes  []video.Change
	ruled    bool // rules run over it, twice
	library  *library
	state    *statetest.Memory
	calm     bool // nothing goes wrong any more but what the library refuses
	killed   bool
	rejected map[int]bool
	log      []string
	rules    *tagging.Rules
}

func newChaos(seed uint64, ruled bool) *chaos {
	c := &chaos{ruled: ruled, Rand: rand.New(rand.NewPCG(seed, seed)), library: newLibrary(0), rejected: map[int]bool{}}
	c.library.videos["v"] = video.Video{ID: "v", Title: "old", Description: "old", Tags: []string{"a"}, Modified: at(0)}
	c.library.fault = func(_ int, u video.Update) (error, bool) {
		bad := u.Description != nil && *u.Description == "bad"
		chance := c.IntN(10)
		switch {
		case c.killed:
			return video.ErrTransient, false
		case !c.calm && chance == 0:
			c.killed = true
			return video.ErrTransient, !bad && c.IntN(2) == 0
		case !c.calm && chance < 4:
			return video.ErrTransient, false
		case !c.calm && chance == 4:
			return video.ErrUnknownOutcome, !bad && c.IntN(2) == 0
		case bad:
			return video.ErrInvalid, false
		}
		return nil, true
	}
	c.library.before = map[video.ID]video.Video{}
	c.library.behind = func() bool { return !c.calm && c.IntN(4) == 0 }
	c.state = &statetest.Memory{Fault: func(op, _ string) (error, bool) {
		switch {
		case op != "create":
			return nil, true
		case c.killed:
			return video.ErrTransient, false
		case !c.calm && c.IntN(6) == 0:
			return video.ErrTransient, c.IntN(2) == 0
		}
		return nil, true
	}}
	for i := range 2 + c.IntN(4) {
		c.changes = append(c.changes, c.change(i+1))
	}
	return c
}

// change asks for something, at that moment; "bad" is what the library refuses.
func (c *chaos) change(s int) video.Change {
	one := func(of ...string) *string { return &of[c.IntN(len(of))] }
	change := video.Change{ID: "v", IssuedAt: at(s)}
	for change.Empty() {
		if c.IntN(2) == 0 {
			change.Set.Title = one("A", "B", "old")
		}
		if c.IntN(3) == 0 {
			change.Set.Description = one("X", "Y", "old", "bad", "bad")
		}
		switch part := c.IntN(5); {
		case c.ruled && part == 2:
			change.Tags.Remove = []string{"ruled"}
		case part == 0:
			change.Tags.Add = []string{*one("a", "b")}
		case part == 1:
			change.Tags.Remove = []string{*one("a", "b")}
		case part == 2:
			change.Tags.Set = &[][]string{{}, {"a"}, {"b"}, {"a", "b"}}[c.IntN(4)]
		}
	}
	return change
}

// deliver hands over the waiting changes until each has an end.
func (c *chaos) deliver() error {
	items := make([]edit.Item, len(c.changes))
	for i, change := range c.changes {
		items[i].Change = change
	}
	if c.ruled {
		again := edit.Item{Retag: &edit.Retag{ID: "v"}}
		items = append(items, again, again)
	}
	waiting := c.Perm(len(items))
	var editor *edit.Editor
	for round := 0; len(waiting) > 0; round++ {
		if c.calm = round > 12; round == 13 {
			time.Sleep(3 * time.Minute) // the library has caught up with itself
		}
		if round > 60 {
			return fmt.Errorf("%v never end", waiting)
		}
		if c.killed || editor == nil {
			c.killed = false
			var err error
			if editor, err = edit.New(edit.Config{Library: c.library, State: c.state, Rules: edit.Rules{
				Read:  func(context.Context) (*tagging.Rules, error) { return c.rules, nil },
				Media: (&stage{library: c.library}).Media,
			}}); err != nil {
				return err
			}
		}
		c.Shuffle(len(waiting), func(i, j int) { waiting[i], waiting[j] = waiting[j], waiting[i] })
		n := len(waiting)
		if !c.calm {
			n = 1 + c.IntN(n)
		}
		batch := make([]edit.Item, n)
		for k, i := range waiting[:n] {
			batch[k] = items[i]
		}
		ends, err := editor.Do(context.Background(), fmt.Sprint(round), batch)
		outcomes := make([]video.Outcome, len(ends))
		for k, end := range ends {
			outcomes[k] = end.Outcome
		}
		c.log = append(c.log, fmt.Sprintf("%d: %v: %s %v, killed %v", round, waiting[:n], results(outcomes), err, c.killed))
		if err != nil || c.killed {
			continue // the platform delivers the batch again
		}
		again := slices.Clone(waiting[n:])
		for k, i := range waiting[:n] {
			switch outcomes[k].Result {
			case video.Failed, video.Unknown, video.Deferred:
				again = append(again, i)
			case video.Rejected:
				c.rejected[i] = true
			}
		}
		waiting = again
	}
	return nil
}

// Whatever fails, is refused, killed, read from an older state or delivered again: in the end the library holds
// what the changes that were not refused come to in the order of issue.
//
// Where rules run meanwhile, their tag is there in the end, unless a person has taken it away.
func TestNoChangeIsLostWhateverGoesWrong(t *testing.T) {
	for name, ruled := range map[string]bool{"people alone": false, "with rules": true} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { noChangeIsLost(t, ruled) }) })
	}
}

func noChangeIsLost(t *testing.T, ruled bool) {
	seeds := 600 // make soak plays 2,000
	if os.Getenv("SOAK") != "" {
		seeds = 2000
	}
	rules, err := tagging.Parse("r", []byte(`rules: [{name: r, when: 'title != ""', add: [ruled]}]`))
	require.NoError(t, err)
	refused := 0
	for seed := range uint64(seeds) {
		c := newChaos(seed, ruled)
		c.rules = rules
		err := c.deliver()
		want := video.Video{Title: "old", Description: "old", Tags: []string{"a"}}
		if ruled {
			want.Tags = append(want.Tags, "ruled")
		}
		for i, change := range c.changes {
			if c.rejected[i] {
				refused++
				continue
			}
			for _, f := range []struct{ from, to *string }{{change.Set.Title, &want.Title}, {change.Set.Description, &want.Description}} {
				if f.from != nil {
					*f.to = *f.from
				}
			}
			want.Tags = change.Tags.Apply(want.Tags)
		}
		got := c.library.videos["v"]
		slices.Sort(got.Tags)
		slices.Sort(want.Tags)
		require.NoError(t, err, "seed %d: %s", seed, strings.Join(c.log, "\n"))
		require.Equal(t, []string{want.Title, want.Description, strings.Join(want.Tags, ",")}, []string{got.Title, got.Description, strings.Join(got.Tags, ",")},
			"seed %d: %s", seed, strings.Join(c.log, "\n"))
	}
	t.Logf("%d libraries, %d changes refused, nothing lost", seeds, refused)
}

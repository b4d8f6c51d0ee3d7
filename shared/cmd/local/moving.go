package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"vodcurator/shared/localcloud/fakevod"
	"vodcurator/shared/report"
	"vodcurator/shared/state"
	stored "vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// moving: an asset that nobody watches gets a cheaper class, and comes back when somebody
// does. What each month cost is read from the local cloud.
func (s *story) moving(ctx context.Context) error {
	s.chapter("6  What nobody watches moves to IA, and comes back")
	moved := s.cast[1]
	bill, err := s.newBill(ctx)
	if err != nil {
		return err
	}
	if err := s.view(ctx, s.cast[0], 30); err != nil {
		return err
	}
	if err := bill.month(ctx, "all in Standard"); err != nil {
		return err
	}
	policy, err := os.ReadFile(filepath.Join(s.root, "testdata", "policies", "moves.yaml"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(s.env["POLICY_FILE"], policy, 0o600); err != nil {
		return err
	}
	s.say("The policy is testdata/policies/moves.yaml now.")
	there, err := s.move(ctx, moved, "IA")
	if err != nil {
		return err
	}
	s.claim(there, "%s is in IA and plays, and no other asset has moved", moved.title)
	if err := s.view(ctx, moved, 31); err != nil {
		return err
	}
	if err := bill.month(ctx, "the interview in IA"); err != nil {
		return err
	}
	back, err := s.move(ctx, moved, "Standard")
	if err != nil {
		return err
	}
	s.claim(back, "it is back in Standard, when the 30 days were over that IA charges at least")
	s.cloud.Advance(30 * day)
	if err := bill.month(ctx, "back in Standard"); err != nil {
		return err
	}
	s.say("The bill at the policy's prices, which are made up: a GB in Standard costs %.2f CNY a month, in IA %.2f, and %.2f to read back.", standardPrice, iaPrice, readPrice)
	s.table(bill.table)
	s.claim(bill.costs[1] < bill.costs[0] && bill.costs[2] > bill.costs[0], "a month in IA costs less, and the way back costs once")
	return nil
}

// move approves the plan that lists the move of one asset to a class, and says whether that
// asset is there then, no other has moved, and nothing was deleted.
func (s *story) move(ctx context.Context, listed member, class string) (bool, error) {
	deleted := s.deleted()
	s.pass(s.cloud.Now(), 1)
	plan, err := s.latest(ctx, moves)
	if err != nil {
		return false, err
	}
	for _, args := range [][]string{{"plan", "explain", string(listed.id), "--plan", plan.ID}, {"approve", plan.ID, "--yes"}} {
		said, err := s.vodctl(ctx, args...)
		if err != nil {
			return false, err
		}
		s.say("$ vodctl %s", typed(args))
		s.quote(said)
	}
	s.claim(plan.Items == 1, "the plan lists %s of %d", report.Count(plan.Items, "asset"), plan.Library.Media)
	calls := func() int { return s.cloud.VOD.Log().Count("UpdateMediaStorageClass") }
	before, stop := calls(), func() {}
	if slices.Contains(s.kill, "tier") {
		stop = s.ambush("tier", func() bool { return calls() > before })
	}
	defer func() { stop() }()
	for hour := 4; hour < 10; hour++ { // one tick asks, and one of the next finds it done
		s.pass(s.cloud.Now(), hour)
		if status, err := s.standing(ctx, plan); err != nil || status == stored.PlanEnded {
			return s.deleted() == deleted && s.isIn(ctx, listed, class), err
		}
	}
	return false, nil
}

const day = 24 * time.Hour

// view has somebody watch an asset in so many days, and moves the clock to the next morning,
// when VOD's statistics tell it and the usage file is written.
func (s *story) view(ctx context.Context, m member, days int) error {
	folder, ok := strings.CutPrefix(s.env["STATE"], "file:")
	if !ok {
		return fmt.Errorf("STATE is no folder: %s", s.env["STATE"])
	}
	then := s.cloud.Now().AddDate(0, 0, days)
	date := then.In(shanghai).Format(time.DateOnly)
	s.cloud.VOD.AddViews(fakevod.View{ID: string(m.id), Date: date, VV: 1, UV: 1, Milliseconds: m.length.Milliseconds()})
	s.pass(then.AddDate(0, 0, 1), 10)
	usage, err := s.vodctl(ctx, "usage", "--days", "1", "--until", date)
	if err != nil {
		return err
	}
	s.say("%d days later somebody watches %s; vodctl usage writes it down.", days, m.title)
	return os.WriteFile(filepath.Join(folder, "usage.csv"), []byte(usage), 0o600)
}

// isIn says that an asset plays and is in a class, and that no other asset is elsewhere than
// in Standard.
func (s *story) isIn(ctx context.Context, in member, class string) bool {
	ids := slices.Clone(s.clips)
	for _, m := range s.cast[:3] {
		ids = append(ids, m.id)
	}
	answers, err := s.lib.Media(ctx, ids)
	if err != nil {
		return false
	}
	for _, a := range answers {
		want := "Standard"
		if a.ID == in.id {
			want = class
		}
		if !errors.Is(a.Err, video.ErrNotFound) && (a.Err != nil || a.Value.StorageClass != want || len(a.Value.Streams) == 0) {
			return false
		}
	}
	return true
}

func (s *story) standing(ctx context.Context, p stored.Plan) (stored.PlanStatus, error) {
	store, err := state.Open(ctx, s.env["STATE"], state.Options{ReadOnly: true})
	if err != nil {
		return "", err
	}
	defer func() { _ = store.Close() }()
	status, _, err := stored.StatusOf(ctx, store, p, s.cloud.Now())
	return status, err
}

// The prices of testdata/policies/moves.yaml, in its currency: a gigabyte stored for a month,
// and one read back.
const (
	standardPrice, iaPrice = 0.10, 0.06
	readPrice              = 0.03
)

// bill reads from the local cloud, now and then, what storage costs.
type bill struct {
	s     *story
	at    time.Time
	sum   map[string]fakevod.ClassUse
	table *report.Table
	costs []float64
}

// so many libraries are billed: one of the story's size would cost nothing that can be printed.
const libraries = 1_000_000

func (s *story) newBill(ctx context.Context) (b *bill, err error) {
	b = &bill{s: s, table: report.NewTable("month", ">in Standard", ">in IA", ">read back", ">cost of a million such libraries")}
	b.at, b.sum, err = b.read(ctx)
	return b, err
}

// read sums up all days so far.
func (b *bill) read(ctx context.Context) (time.Time, map[string]fakevod.ClassUse, error) {
	at := b.s.cloud.Now()
	text, err := ask(ctx, b.s.env, http.MethodGet, "storage", nil, "no answer about storage")
	if err != nil {
		return at, nil, err
	}
	var use fakevod.StorageUse
	if err := json.Unmarshal(text, &use); err != nil {
		return at, nil, err
	}
	return at, summed(use), nil
}

// month adds a line for the time since the last reading, as a month of 30 days: what was
// stored is the mean, and what was read back is what it is.
func (b *bill) month(ctx context.Context, what string) error {
	at, sum, err := b.read(ctx)
	if err != nil {
		return err
	}
	days := at.Sub(b.at).Hours() / 24
	mean := func(class string) int64 { return int64(float64(sum[class].ByteDays-b.sum[class].ByteDays) / days) }
	standard, ia, read := mean("Standard"), mean("IA"), sum["IA"].RetrievedBytes-b.sum["IA"].RetrievedBytes
	cost := (float64(standard)*standardPrice + float64(ia)*iaPrice + float64(read)*readPrice) / 1e9 * libraries
	b.table.Row(what, report.Bytes(standard), report.Bytes(ia), report.Bytes(read), fmt.Sprintf("%.2f CNY", cost))
	b.at, b.sum, b.costs = at, sum, append(b.costs, cost)
	return nil
}

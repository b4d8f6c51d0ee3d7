package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"vodcurator/events"
	"vodcurator/shared/queue"
	"vodcurator/shared/report"
	"vodcurator/shared/state"
	stored "vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// deletes are the operations that remove something.
var deletes = []string{"DeleteVideo", "DeleteStream", "DeleteMezzanines", "DeleteImage"}

func (s *story) deleted() int {
	n := 0
	for _, op := range deletes {
		n += s.cloud.VOD.Log().Count(op)
	}
	return n
}

// quarter: a quarter passes, and a plan lists what the policy would remove.
func (s *story) quarter(ctx context.Context) error {
	s.chapter("4  Ninety-one days later: a plan")
	// Three clips become temporary; one of them is held.
	var messages []queue.Message
	for i, tags := range [][]string{{"temp"}, {"temp"}, {"temp", "keep"}} {
		body, err := events.EncodeMetadata(events.Metadata{Changes: []video.Change{{
			ID: s.clips[i], Tags: video.TagEdit{Add: tags}, IssuedAt: time.Now().UTC(),
		}}})
		if err != nil {
			return err
		}
		messages = append(messages, queue.Message{Body: body})
	}
	if err := s.send(ctx, messages); err != nil {
		return err
	}
	if err := s.until(ctx, "waiting for the marks", func() (bool, error) {
		return s.every(ctx, s.clips[:3], func(v video.Video) bool { return slices.Contains(v.Tags, "temp") })
	}); err != nil {
		return err
	}
	s.say("Clips 1, 2 and 3 are tagged temp; clip 3 also keep, which holds it.")

	before := s.deleted()
	s.pass(s.cloud.Now().AddDate(0, 0, 91), 1)
	s.say("The clock says %s; the nightly timer fired.", s.cloud.Now().In(shanghai).Format("2 January 2006, 15:04 in Shanghai"))
	listed, err := s.vodctl(ctx, "plan", "show")
	if err != nil {
		return err
	}
	s.quote(listed)
	plan, err := s.plan(ctx)
	if err != nil {
		return err
	}
	explained, err := s.vodctl(ctx, "plan", "explain", string(s.clips[0]), string(s.clips[2]))
	if err != nil {
		return err
	}
	s.say("$ vodctl plan explain CLIP-01 CLIP-03")
	s.quote(explained)
	s.claim(strings.Contains(explained, "goes") && strings.Contains(explained, `tag "keep" holds`), "clip 1 goes and clip 3 stays, and each says why")
	s.claim(plan.Items > 0, "the plan lists %s of %s with their reasons", report.Count(plan.Items, "item"), report.Bytes(plan.Bytes))
	s.claim(s.deleted() == before, "0 delete calls at the server so far")
	return nil
}

// removal: a person approves, changes their mind, changes it back; then the
// purge takes what the plan lists and nothing else.
func (s *story) removal(ctx context.Context) error {
	s.chapter("5  Approved, halted, resumed, removed")
	plan, err := s.plan(ctx)
	if err != nil {
		return err
	}
	before := s.deleted()
	if err := s.halted(ctx, plan, before); err != nil {
		return err
	}
	if err := s.killed(ctx, plan, before); err != nil {
		return err
	}
	s.pass(s.cloud.Now(), 5)
	gone, err := s.aftermath(ctx, plan)
	if err != nil {
		return err
	}
	return s.proven(ctx, gone)
}

// typed is a command line as a shell takes it.
func typed(args []string) string {
	words := slices.Clone(args)
	for i, w := range words {
		if strings.Contains(w, " ") {
			words[i] = strconv.Quote(w)
		}
	}
	return strings.Join(words, " ")
}

// halted: a plan is approved, and nothing leaves before the halt is taken back.
func (s *story) halted(ctx context.Context, plan stored.Plan, before int) error {
	for _, args := range [][]string{{"approve", plan.ID, "--yes"}, {"halt", "--reason", "second thoughts"}} {
		said, err := s.vodctl(ctx, args...)
		if err != nil {
			return err
		}
		s.say("$ vodctl %s", typed(args))
		s.quote(said)
	}
	s.pass(s.cloud.Now(), 3)
	s.claim(s.deleted() == before, "the purge at three found the halt: 0 delete calls at the server")
	_, err := s.vodctl(ctx, "resume")
	if err == nil {
		s.say("$ vodctl resume")
	}
	return err
}

// killed: a run of purge dies in the midst of its work.
func (s *story) killed(ctx context.Context, plan stored.Plan, before int) error {
	stop := s.ambush("purge", func() bool { return s.deleted() > before })
	s.pass(s.cloud.Now(), 4)
	stop()
	calls := s.deleted() - before
	half, err := s.ledger(ctx)
	if err != nil {
		return err
	}
	s.claim(half.Results[video.Done] < plan.Items, "killed after %s: the ledger knows of %s removed and %d begun",
		report.Count(calls, "delete call"), report.Count(half.Results[video.Done], "item"), half.Open)
	return nil
}

// aftermath reads what is left, and says how many videos are gone.
func (s *story) aftermath(ctx context.Context, plan stored.Plan) (gone int, err error) {
	answers, err := s.lib.Media(ctx, append(slices.Clone(s.clips), s.cast[0].id, s.cast[1].id, s.cast[2].id))
	if err != nil {
		return 0, err
	}
	gone, sources, err := s.fates(answers)
	if err != nil {
		return 0, err
	}
	s.claim(gone == 2 && errors.Is(answers[0].Err, video.ErrNotFound) && errors.Is(answers[1].Err, video.ErrNotFound),
		"the two temporary clips are gone")
	s.claim(answers[2].Err == nil && slices.Contains(answers[2].Value.Tags, "keep") && !answers[2].Value.Source.Gone(),
		"the held clip is whole")
	playable := true
	for _, a := range answers[2:] {
		playable = playable && a.Err == nil && len(a.Value.Streams) > 0
	}
	s.claim(playable, "every other asset still plays")
	s.claim(gone+sources == plan.Items, "%s removed, %d listed in the plan", report.Count(gone+sources, "item"), plan.Items)
	return gone, nil
}

// fates shows what became of each asset: the first clips, and the cast.
func (s *story) fates(answers []video.Answer[video.Media]) (gone, sources int, err error) {
	table := report.NewTable("asset", "tags", "what became of it")
	for i, a := range answers {
		name := fmt.Sprintf("clip %02d", i+1)
		if i >= len(s.clips) {
			name = s.cast[i-len(s.clips)].title
		}
		switch {
		case errors.Is(a.Err, video.ErrNotFound):
			gone++
			table.Row(name, "", "removed")
			continue
		case a.Err != nil:
			return 0, 0, a.Err
		}
		became := "stays"
		if a.Value.Source != nil && a.Value.Source.Gone() {
			sources++
			became = "source file removed, still playing: " + report.Count(len(a.Value.Streams), "stream")
		}
		if i < 5 || i >= len(s.clips) {
			table.Row(name, report.Cut(strings.Join(a.Value.Tags, " "), 50), became)
		} else if i == 5 {
			table.Row("…", "", "")
		}
	}
	s.table(table)
	return gone, sources, nil
}

// proven: the ledger and VOD's announcements say the same.
func (s *story) proven(ctx context.Context, gone int) error {
	verified, err := s.vodctl(ctx, "ledger", "verify")
	s.quote(verified)
	s.claim(err == nil, "the ledger's chain is whole")
	var announced []stored.Reconciled
	if err := s.until(ctx, "waiting for VOD's announcements", func() (bool, error) {
		var err error
		announced, err = s.announced(ctx)
		return len(announced) == 1 && announced[0].Confirmed == gone, err
	}); err != nil {
		return err
	}
	s.claim(len(announced) == 1 && announced[0].Removed == gone && announced[0].Confirmed == gone && len(announced[0].Elsewhere) == 0,
		"VOD announced the same %d deletions, and no other", gone)
	return nil
}

// ledger sums up the ledger.
func (s *story) ledger(ctx context.Context) (stored.LedgerReport, error) {
	store, err := state.Open(ctx, s.env["STATE"], state.Options{ReadOnly: true})
	if err != nil {
		return stored.LedgerReport{}, err
	}
	defer func() { _ = store.Close() }()
	return stored.VerifyLedger(ctx, store)
}

// announced compares the ledger with the deletions that VOD announced.
func (s *story) announced(ctx context.Context) ([]stored.Reconciled, error) {
	store, err := state.Open(ctx, s.env["STATE"], state.Options{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer func() { _ = store.Close() }()
	return stored.Reconcile(ctx, store)
}

// shanghai is where s.yaml's timers are; China has no daylight saving time.
var shanghai = time.FixedZone("CST", 8*60*60)

// pass moves the library's clock to half past that hour, the next one after from, in
// Shanghai. The timers that came due on the way fire once each and end before
// it returns.
func (s *story) pass(from time.Time, hour int) {
	local := from.In(shanghai)
	to := time.Date(local.Year(), local.Month(), local.Day(), hour, 30, 0, 0, shanghai)
	if !to.After(from) {
		to = to.AddDate(0, 0, 1)
	}
	done := s.progress("the clock moves", time.Now())
	defer done()
	s.cloud.Advance(to.Sub(s.cloud.Now()))
}

// plan reads the latest plan that removes.
func (s *story) plan(ctx context.Context) (stored.Plan, error) {
	return s.latest(ctx, "")
}

// moves is the duty of a plan that moves; one that removes has none.
const moves = "move"

// latest reads the latest plan of a duty from STATE.
func (s *story) latest(ctx context.Context, duty string) (latest stored.Plan, err error) {
	store, err := state.Open(ctx, s.env["STATE"], state.Options{ReadOnly: true})
	if err != nil {
		return stored.Plan{}, err
	}
	defer func() { _ = store.Close() }()
	for id, err := range stored.Plans(ctx, store, time.Time{}) {
		if err != nil {
			return stored.Plan{}, err
		}
		p, err := stored.ReadPlan(ctx, store, id)
		if err != nil {
			return stored.Plan{}, err
		}
		if string(p.Duty) == duty {
			latest = p
		}
	}
	return latest, nil
}

// vodctl runs the operator's tool as a person would.
func (s *story) vodctl(ctx context.Context, args ...string) (string, error) {
	tool, err := filepath.Abs(filepath.Join(s.root, ".bin", "vodctl"))
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, tool, args...)
	cmd.Env = os.Environ()
	for name, value := range s.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("vodctl %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(errs.Bytes()))
	}
	return out.String(), nil
}

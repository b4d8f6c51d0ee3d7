package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"

	"vodcurator/shared/act/tag"
	"vodcurator/shared/decide/tagging"
	"vodcurator/shared/video"
)

// checkpoint is what --resume keeps: the question, and how far its answer came.
type checkpoint struct {
	Question string     `json:"question"`
	Position string     `json:"position"`
	Kind     video.Kind `json:"kind,omitempty"` // in which Position is
	Finished bool       `json:"finished"`
	Diff     *tag.Diff  `json:"diff"`
}

// question is what a checkpoint belongs to: another search or other rules are
// another matter.
func (r retag) question(rules *tagging.Rules) string {
	return fmt.Sprintf("%s %s %s %s %q %q %q %d %s %t %t", rules.Version, r.kind, r.from, r.to, r.tags, r.statuses, r.title, r.category, r.ids, r.labels, r.yes)
}

func (r retag) load(rules *tagging.Rules) (*checkpoint, error) {
	fresh := &checkpoint{Question: r.question(rules), Diff: tag.NewDiff(rules)}
	if r.resume == "" {
		return fresh, nil
	}
	raw, err := os.ReadFile(r.resume)
	if errors.Is(err, os.ErrNotExist) {
		return fresh, nil
	}
	if err != nil {
		return nil, err
	}
	var saved checkpoint
	if err := json.Unmarshal(raw, &saved); err != nil || saved.Diff == nil {
		return nil, fmt.Errorf("%s is no file that --resume wrote: name another, or remove it to begin anew", r.resume)
	}
	if saved.Question != fresh.Question {
		return nil, fmt.Errorf("%s belongs to another search, other rules or another --yes: name another file", r.resume)
	}
	return &saved, nil
}

// save replaces the checkpoint at once, so that a kill leaves the old or the new one.
func (r retag) save(state *checkpoint) error {
	if r.resume == "" {
		return nil
	}
	raw, err := json.Marshal(state)
	if err != nil {
		return err
	}
	if err := os.WriteFile(r.resume+".new", raw, 0o600); err != nil {
		return err
	}
	return os.Rename(r.resume+".new", r.resume)
}

// listed are the ids of a file, behind the one named last.
func (a *tool) listed(r retag, kind video.Kind, after string) iter.Seq2[tag.Hit, error] {
	return func(yield func(tag.Hit, error) bool) {
		in := a.in
		if r.ids != "-" {
			file, err := os.Open(r.ids)
			if err != nil {
				yield(tag.Hit{}, err)
				return
			}
			defer func() { _ = file.Close() }()
			in = file
		}
		passed := after == ""
		for id, err := range idsIn(in) {
			if err != nil {
				yield(tag.Hit{}, err)
				return
			}
			if passed && !yield(tag.Hit{Target: tag.Target{ID: video.ID(id), Kind: kind}, Position: id}, nil) {
				return
			}
			passed = passed || id == after
		}
		if !passed {
			yield(tag.Hit{}, fmt.Errorf("%s: the id %s, behind which to go on, is not there: give the file that %s began with, or another --resume file", r.ids, after, r.resume))
		}
	}
}

// idsIn gives the ids of a list: the first word of each line. Empty lines are left out, and
// those that begin with #.
func idsIn(list io.Reader) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		lines := bufio.NewScanner(list)
		for lines.Scan() {
			id, _, _ := strings.Cut(strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff")), " ")
			if id != "" && !strings.HasPrefix(id, "#") && !yield(id, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield("", err)
		}
	}
}

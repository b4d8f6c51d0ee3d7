package insight

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"vodcurator/shared/act/deliver"
	"vodcurator/shared/boot"
	"vodcurator/shared/video"
)

// DeadLetter is a dead letter as people and programs see it.
type DeadLetter struct {
	ID        string    `json:"id"` // in the dead-letter queue
	Since     time.Time `json:"since"`
	FirstSeen time.Time `json:"firstSeen,omitzero"`
	Attempts  int       `json:"attempts"`
	Reason    string    `json:"reason"`
	Ref       string    `json:"ref,omitempty"`
	Body      string    `json:"body"`
	Base64    []byte    `json:"bodyBase64,omitempty"` // instead of body, when it is no text
	// Content is a body that is JSON, as a value and not as a text; only of one that is shown.
	Content json.RawMessage `json:"content,omitempty"`
	Action  string          `json:"action,omitempty"`

	Problem string `json:"-"` // why its body under STATE at Ref could not be read
}

// DeadLetterOf is a dead letter of its queue.
func DeadLetterOf(l deliver.DeadLetter) DeadLetter {
	s := DeadLetter{ID: l.Taken.ID, Since: l.Taken.Enqueued, FirstSeen: l.FirstSeen, Attempts: l.Attempts, Reason: l.Reason, Ref: l.Ref}
	if utf8.Valid(l.Body) {
		s.Body = string(l.Body)
	} else {
		s.Base64 = l.Body
	}
	return s
}

// ActedOn are those about which something is done; never nil.
func ActedOn(all []deliver.Seen) []DeadLetter {
	out := make([]DeadLetter, len(all))
	for i, l := range all {
		out[i] = DeadLetterOf(l.DeadLetter)
		out[i].Action = l.Action
	}
	return out
}

// DeadLetters wires the dead letters. They can only be read by taking them, and are given back.
func DeadLetters(app *boot.App, o Options) (deliver.DeadLetters, error) {
	if app.Queue == nil || app.DeadLetterQueue == "" {
		return deliver.DeadLetters{}, errors.New("ALIBABA_CLOUD_ACCOUNT_ID and DEAD_LETTER_QUEUE have to be set: the dead letters are there")
	}
	all := deliver.DeadLetters{Queue: app.Queue, Name: app.DeadLetterQueue, Progress: o.count}
	if app.State != nil { // a nil *State in an interface would not be nil
		all.Objects = app.State
	}
	return all, nil
}

// ListDead lists the dead letters that a filter selects; never nil, and beside an error those
// that were read.
func ListDead(ctx context.Context, letters deliver.DeadLetters, f deliver.Filter) ([]DeadLetter, error) {
	all := []DeadLetter{}
	_, err := letters.Each(ctx, f, func(batch []deliver.DeadLetter) ([]string, error) {
		for _, l := range batch {
			all = append(all, DeadLetterOf(l))
		}
		return nil, nil
	})
	return all, err
}

// ShowDead is one dead letter with its whole body, also where that lies under STATE. wait is
// how long to wait for one that another command has just given back.
func ShowDead(ctx context.Context, letters deliver.DeadLetters, id string, wait time.Duration) (shown DeadLetter, err error) {
	err = letters.Find(ctx, id, wait, func(l deliver.DeadLetter) (bool, error) {
		body, key, err := letters.Body(ctx, l)
		if l.Ref = key; err == nil {
			l.Body = body
		}
		shown = DeadLetterOf(l)
		switch {
		case err != nil:
			shown.Problem = err.Error()
		case json.Valid(l.Body):
			shown.Content = l.Body
		}
		return false, nil
	})
	return shown, err
}

// Text is the body for people: JSON with line ends, and below it the JSON that its texts hold;
// else quoted or as hex. Nothing in it steers a terminal.
func (d DeadLetter) Text() string {
	if d.Problem != "" {
		return video.VisibleLines(d.Problem)
	}
	body := []byte(d.Body)
	if d.Base64 != nil {
		body = d.Base64
	}
	return bodyText(body) + inside(body)
}

func bodyText(body []byte) string {
	var pretty bytes.Buffer
	switch {
	case json.Indent(&pretty, body, "", "  ") == nil:
		return video.VisibleJSON(pretty.String())
	case utf8.Valid(body):
		return fmt.Sprintf("%q", body) // quoted: it may hold anything
	}
	return fmt.Sprintf("% x", body)
}

// inside is the JSON that texts of a body hold, as VOD's Extend and the message of its sender do:
// each below its name.
func inside(body []byte) string {
	var whole any
	if json.Unmarshal(body, &whole) != nil {
		return ""
	}
	var out strings.Builder
	var walk func(name string, v any)
	walk = func(name string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, key := range slices.Sorted(maps.Keys(v)) {
				walk(strings.TrimPrefix(name+"."+key, "."), v[key])
			}
		case []any:
			for i, one := range v {
				walk(fmt.Sprintf("%s[%d]", name, i), one)
			}
		case string:
			text := []byte(v)
			if plain, err := base64.StdEncoding.DecodeString(v); err == nil {
				text = plain
			}
			if text = bytes.TrimSpace(text); len(text) > 1 && (text[0] == '{' || text[0] == '[') && json.Valid(text) {
				fmt.Fprintf(&out, "\n\n%s holds\n%s", video.Visible(name), bodyText(text))
			}
		}
	}
	walk("", whole)
	return out.String()
}

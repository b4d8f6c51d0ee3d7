package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"vodcurator/shared/act/tag"
	"vodcurator/shared/decide/retention"
	"vodcurator/shared/decide/rule"
	"vodcurator/shared/decide/tagging"
	"vodcurator/shared/insight"
	"vodcurator/shared/report"
	"vodcurator/shared/state/removal"
	"vodcurator/shared/video"
)

// assetView is the page of one asset, read anew from the account.
type assetView struct {
	ID, Cover string
	Media     *video.Media // nil: an image, or VOD has it no more
	Image     *video.Image
	Facts     *rule.Facts // of what VOD shows now
	Length    string
	Bytes     int64    // of all parts; 0: unknown
	Missing   []string // facts that VOD does not tell
	Parts     []partView
	Tags      []tagging.TagView
	Rules     []tagging.RuleView
	Locked    string
	Policy    *insight.Explained
	Plan      string // the latest, whose inputs the policy was asked with
	Events    []insight.Event
	Problems  []string // what could not be read
}

// partView is something that is stored of an asset.
type partView struct {
	Kind, Part, What string
	Bytes            int64 // 0: unknown
	Created          time.Time
}

// assetPage gathers all that is known of an asset. What cannot be read is said beside the rest.
func (s *Server) assetPage(r *http.Request) (any, error) {
	ctx, id := r.Context(), video.ID(r.PathValue("id"))
	v := assetView{ID: string(id), Cover: "/cover/" + url.PathEscape(string(id))}
	gap := func(what string, err error) { v.Problems = append(v.Problems, what+": "+err.Error()) }
	at, err := s.now(ctx)
	if err != nil {
		gap("the clock", err)
		at = time.Now().UTC()
	}
	if err := v.shown(ctx, s, id, at); err != nil {
		gap("what VOD shows now", err)
	}
	life, err := insight.History(ctx, s.App, id, insight.Options{})
	switch {
	case errors.Is(err, video.ErrNotFound):
		return nil, fmt.Errorf("%w: %w: check the id, or search for the title in the library", errNotFound, err)
	case err != nil:
		gap("its life", err)
	}
	v.Events, v.Problems = life.Events, slices.Concat(v.Problems, life.Gaps)
	if v.Facts == nil {
		return v, nil
	}
	if err := v.explained(ctx, s, id, at); err != nil {
		gap("the rules", err)
	}
	if v.Media != nil && s.App.State != nil {
		if err := v.judged(ctx, s, id); err != nil {
			gap("the policy", err)
		}
	}
	return v, nil
}

// shown reads what VOD shows of the asset; nothing where it has none.
func (v *assetView) shown(ctx context.Context, s *Server, id video.ID, at time.Time) error {
	line := insight.Line{}
	answers, err := s.App.VOD.Media(ctx, []video.ID{id})
	if err == nil {
		err = answers[0].Err
	}
	if err == nil {
		v.Media, line.Media = &answers[0].Value, answers[0].Value
	} else {
		images, imageErr := s.App.VOD.Images(ctx, []video.ID{id})
		if imageErr != nil || images[0].Err != nil {
			if errors.Is(err, video.ErrNotFound) {
				return nil
			}
			return err
		}
		v.Image, line.Image = &images[0].Value, &images[0].Value
	}
	f := insight.FactsOf(line, at)
	v.Facts, v.Missing = &f, rule.Missing(&f)
	if n, ok := rule.Value(&f, "duration"); ok {
		v.Length = clock(n.(float64))
	}
	v.Bytes = int64(f.Bytes)
	v.parts(ctx, s)
	return nil
}

// parts are what is stored, with their bytes.
func (v *assetView) parts(ctx context.Context, s *Server) {
	if v.Media == nil {
		v.Parts = []partView{{"image", "", fmt.Sprintf("%d × %d", v.Image.Width, v.Image.Height), v.Image.Size, v.Image.Created}}
		return
	}
	m := v.Media
	switch src := m.Source; {
	case src == nil:
	case src.Gone():
		v.Parts = append(v.Parts, partView{Kind: "source", What: "deleted"})
	default:
		what := fmt.Sprintf("%s, %d × %d, %s", src.FileName, src.Width, src.Height, cmp.Or(src.VideoCodec, src.AudioCodec, "codec unknown"))
		v.Parts = append(v.Parts, partView{"source", "", what, cmp.Or(src.Size, m.Size), src.Created})
	}
	for _, one := range m.Streams {
		what := fmt.Sprintf("%s %s, %d × %d, %s", one.Definition, one.Format, one.Width, one.Height, cmp.Or(one.Codec, "codec unknown"))
		v.Parts = append(v.Parts, partView{"stream", one.Job, what, one.Size, one.Created})
	}
	for _, kind := range []string{"CoverSnapshot", "NormalSnapshot", "SpriteSnapshot"} {
		shots, err := s.App.VOD.Snapshots(ctx, m.ID, kind)
		if err != nil {
			if !errors.Is(err, video.ErrNotFound) {
				v.Problems = append(v.Problems, "its snapshots: "+err.Error())
			}
			continue
		}
		if len(shots) > 0 {
			v.Parts = append(v.Parts, partView{Kind: "images", Part: kind, What: report.Count(len(shots), "image")})
		}
	}
}

// explained asks the rules: who owns each tag, and what each rule says.
func (v *assetView) explained(ctx context.Context, s *Server, id video.ID, at time.Time) error {
	rules, err := s.App.Rules()(ctx)
	if err != nil {
		return err
	}
	t := tag.Tagger{Library: s.App.VOD, Labels: s.App.VOD, Rules: rules, Reach: s.App.Reach(), Memory: insight.Remembered(s.App)}
	target := tag.Target{ID: id}
	if v.Image != nil {
		target.Kind = video.KindImage
	}
	_, e, err := t.Explain(ctx, target, at)
	v.Tags, v.Rules, v.Locked = e.Tags, e.Rules, e.Decision.Locked
	return err
}

// judged asks the policy, as vodctl plan explain does: for the moment of the latest plan.
func (v *assetView) judged(ctx context.Context, s *Server, id video.ID) error {
	p, _, err := removal.LatestPlan(ctx, s.App.State, func(p removal.Plan) bool {
		return s.App.Scope.Takes(p.Scope) && p.Duty == retention.Removing
	}, time.Time{})
	if err != nil {
		return err
	}
	x, err := insight.Explain(ctx, s.App, p, []video.ID{id}, insight.Options{
		Warn: func(format string, args ...any) { v.Problems = append(v.Problems, report.Sayf(format, args...)) },
	})
	if err == nil {
		v.Policy, v.Plan = &x.Assets[0], p.ID
	}
	return err
}

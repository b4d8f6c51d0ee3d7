package retention

import (
	"cmp"
	"fmt"
	"slices"

	"vodcurator/shared/video"
)

// takeStreams adds the streams that fit every condition of the rule. The last
// stream that plays is never among them: to remove that, remove the video.
func (r *removal) takeStreams(c *facts, v *Verdict, because string) {
	keep := func(s video.Stream, why Why, reason string) {
		v.Keeps = append(v.Keeps, Keep{ID: v.ID, Kind: Stream, Part: s.Job, Rule: r.name, Why: why, Reason: reason})
	}
	if c.m.Streams == nil {
		keep(video.Stream{}, Doubt, untold)
		return
	}
	f, best := r.streams, c.best(r.streams.keepBest)
	taken := map[string]bool{} // by earlier rules as well
	for _, i := range v.Items {
		taken[i.Part] = taken[i.Part] || i.Kind == Stream
	}
	var chosen []Item
	for _, s := range c.m.Streams {
		reason, fits := f.describe(s), f.fits(s)
		switch {
		case !fits || taken[s.Job]:
			continue
		case s.Job == "":
			keep(s, Doubt, "a stream without a job cannot be named")
			continue
		case s.Definition == "OD":
			keep(s, Needed, "OD is the source file itself")
			continue
		}
		if f.olderThan > 0 {
			age := c.at.Now.Sub(s.Created)
			if s.Created.IsZero() || age < 0 {
				keep(s, Doubt, "time of transcoding unknown")
				continue
			}
			if age <= f.olderThan {
				keep(s, Young, fmt.Sprintf("stream is %s old, limit %s", days(age), days(f.olderThan)))
				continue
			}
			reason += fmt.Sprintf(", stream is %s old, limit %s", days(age), days(f.olderThan))
		}
		if f.superseded {
			newer, doubt := superseding(s, c.m.Streams)
			if doubt != "" {
				keep(s, Doubt, doubt)
				continue
			}
			if newer.Job == "" {
				continue
			}
			reason += ", superseded by " + newer.Job
		}
		if f.keepBest > 0 {
			if slices.Contains(best, s.Job) {
				keep(s, Needed, fmt.Sprintf("among the best %d", f.keepBest))
				continue
			}
			reason += fmt.Sprintf(", not among the best %d", f.keepBest)
		}
		chosen = append(chosen, Item{ID: v.ID, Kind: Stream, Part: s.Job, Bytes: told(s.Size), Rule: r.name, Reason: because + reason})
		taken[s.Job] = true
	}
	if len(chosen) == 0 {
		return
	}
	if !slices.ContainsFunc(c.m.Streams, func(s video.Stream) bool { return !taken[s.Job] && stands(s, c.m) }) {
		v.Keeps = append(v.Keeps, Keep{ID: v.ID, Kind: Stream, Rule: r.name, Why: Needed,
			Reason: fmt.Sprintf("no stream that plays the whole would be left of %d", len(c.m.Streams))})
		return
	}
	v.Items = append(v.Items, chosen...)
}

// best are the jobs of the n best streams that play: most lines, then most bits.
// Streams that tie with the last of them are among them too.
func (c *facts) best(n int) []string {
	if n <= 0 {
		return nil
	}
	order := func(a, b video.Stream) int {
		return cmp.Or(cmp.Compare(b.Height, a.Height), cmp.Compare(b.Bitrate, a.Bitrate))
	}
	var all []video.Stream
	for _, s := range c.m.Streams {
		if stands(s, c.m) {
			all = append(all, s)
		}
	}
	slices.SortStableFunc(all, order)
	var jobs []string
	for i, s := range all {
		if i < n || order(all[n-1], s) == 0 {
			jobs = append(jobs, s.Job)
		}
	}
	return jobs
}

// superseding finds the newest stream of the same definition, format, codec and
// encryption that came after s. The two documented signs of being superseded, a
// newer stream and the status Invisible, must agree; where they do not, doubt
// says so.
func superseding(s video.Stream, all []video.Stream) (newer video.Stream, doubt string) {
	for _, o := range all {
		if o.Job == s.Job || o.Definition != s.Definition || o.Format != s.Format ||
			o.Codec != s.Codec || o.Encrypted != s.Encrypted || o.Kind != s.Kind || !plays(o) {
			continue
		}
		if o.Created.After(s.Created) && o.Created.After(newer.Created) {
			newer = o
		}
	}
	switch {
	case newer.Job == "" && s.Status == "Invisible":
		return video.Stream{}, "hidden, but nothing newer of its kind plays"
	case newer.Job == "":
		return video.Stream{}, ""
	case s.Created.IsZero():
		return video.Stream{}, "time of transcoding unknown"
	case s.Status != "Invisible":
		return video.Stream{}, fmt.Sprintf("%s is newer, but this one still has status %q", newer.Job, s.Status)
	}
	return newer, ""
}

// fits says that the stream is of the wanted sort. A property that the library
// did not tell fits nothing.
func (f *streamFilter) fits(s video.Stream) bool {
	in := func(list []string, value string) bool {
		return len(list) == 0 || value != "" && slices.Contains(list, value)
	}
	return in(f.definition, s.Definition) && in(f.format, s.Format) && in(f.codec, s.Codec) &&
		(f.below == 0 || s.Height > 0 && s.Height < f.below) &&
		(f.above == 0 || s.Height > f.above)
}

func (f *streamFilter) describe(s video.Stream) string {
	return fmt.Sprintf("; %s %s %dx%d", cmp.Or(s.Definition, "?"), cmp.Or(s.Format, "?"), s.Width, s.Height)
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"vodcurator/shared/boot"
	"vodcurator/shared/decide/rule"
	"vodcurator/shared/insight"
	"vodcurator/shared/report"
	"vodcurator/shared/video"
)

// operations are VOD's calls that vodctl media knows, by name without dashes: how a reading
// one answers, or what does the work of the others.
var operations = map[string]struct {
	name    string
	one     func(ctx context.Context, app *boot.App, id video.ID) (any, error)
	many    func(ctx context.Context, app *boot.App, ids []video.ID) ([]answered, error)
	search  func(ctx context.Context, app *boot.App, q video.Query) iter.Seq2[video.Found, error]
	instead string
}{
	"getvideoinfo": {name: "get-video-info", one: func(ctx context.Context, app *boot.App, id video.ID) (any, error) {
		v, err := app.VOD.Video(ctx, id)
		return v, err
	}},
	"getvideoinfos": {name: "get-video-infos", many: func(ctx context.Context, app *boot.App, ids []video.ID) (all []answered, err error) {
		answers, err := app.VOD.Videos(ctx, ids)
		for _, a := range answers {
			all = append(all, answered{a.ID, a.Value, a.Err})
		}
		return all, err
	}},
	"getmezzanineinfo": {name: "get-mezzanine-info", one: func(ctx context.Context, app *boot.App, id video.ID) (any, error) {
		s, err := app.VOD.Source(ctx, id)
		return s, err
	}},
	"getimageinfo": {name: "get-image-info", one: func(ctx context.Context, app *boot.App, id video.ID) (any, error) {
		i, err := app.VOD.Image(ctx, id)
		return i, err
	}},
	"searchmedia": {name: "search-media", search: func(ctx context.Context, app *boot.App, q video.Query) iter.Seq2[video.Found, error] {
		return app.VOD.Search(ctx, q)
	}},
	"getvideolist": {name: "get-video-list", search: func(ctx context.Context, app *boot.App, q video.Query) iter.Seq2[video.Found, error] {
		return func(yield func(video.Found, error) bool) {
			for v, err := range app.VOD.List(ctx, q) {
				if !yield(video.Found{Video: v}, err) {
					return
				}
			}
		}
	}},
	"updatevideoinfo":  {name: "update-video-info", instead: insteadOfUpdate},
	"updatevideoinfos": {name: "update-video-infos", instead: insteadOfUpdate},
	"updateimageinfos": {name: "update-image-infos", instead: insteadOfUpdate},
	"deletevideo":      {name: "delete-video", instead: insteadOfDelete},
	"deletestream":     {name: "delete-stream", instead: insteadOfDelete},
	"deletemezzanines": {name: "delete-mezzanines", instead: insteadOfDelete},
	"deleteimage":      {name: "delete-image", instead: insteadOfDelete},
}

const (
	insteadOfUpdate = "use vodctl edit or vodctl queue send: metadata is the library's only writer, and what goes by it can be undone"
	insteadOfDelete = "use a policy and vodctl plan, or vodctl takedown for one asset: VOD cannot undo a delete, and the ledger records those"
)

// answered is what one call said of one id.
type answered struct {
	id    video.ID
	value any
	err   error
}

func mediaCommand(a *tool) *cobra.Command {
	q, limit := retag{}, 0
	var reads, others []string
	for _, key := range slices.Sorted(maps.Keys(operations)) {
		if o := operations[key]; o.instead == "" {
			reads = append(reads, o.name)
		} else {
			others = append(others, o.name)
		}
	}
	cmd := &cobra.Command{
		Annotations: inRows,
		Use:         "media OPERATION [ID...]",
		Short:       "Ask VOD itself by one of its reading operations, such as get-video-info",
		Long: `Ask VOD itself by one of its reading operations: ` + strings.Join(reads, ", ") + `.
The two that search take the flags below instead of ids. VOD's own spelling, as GetVideoInfo,
does too. What writes is refused, with the command that does it: ` + strings.Join(others, ", ") + `.

Addresses are shown without what signs them: the query is left out, and so are the two
first parts of a path that are a signature and its time. "(left out)" stands in their place.
Times are UTC. A field that is not shown is not known to VOD.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.media(cmd.Context(), q, limit, args[0], args[1:])
		},
	}
	q.searchFlags(cmd)
	cmd.Flags().StringVar(&q.kind, "kind", "video", "video, audio or image")
	cmd.Flags().IntVar(&limit, "limit", 100, "of a search: so many at most; 0: all")
	return cmd
}

func (a *tool) media(ctx context.Context, q retag, limit int, operation string, args []string) error {
	o, known := operations[strings.ToLower(strings.ReplaceAll(operation, "-", ""))]
	if !known {
		var names []string
		for _, other := range operations {
			names = append(names, other.name)
		}
		return fmt.Errorf("%w: %q is no operation that vodctl media knows: %s", errUsage, operation, rule.Suggest(operation, slices.Sorted(slices.Values(names))))
	}
	switch {
	case o.instead != "":
		return fmt.Errorf("%w: %s is not for vodctl media: %s", errUsage, o.name, o.instead)
	case o.search != nil && len(args) > 0, o.search == nil && len(args) == 0, limit < 0:
		return fmt.Errorf("%w: %s: the operations that search take flags and no ids, the others take ids; --limit is no number below 0", errUsage, o.name)
	}
	query, err := q.query()
	if err != nil || q.kind == allKinds {
		return fmt.Errorf("%w: --kind %q: %w", errUsage, q.kind, errors.Join(err, errors.New("want video, audio or image")))
	}
	app, err := a.boot()
	if err != nil {
		return err
	}
	defer app.VOD.Close()
	if o.search != nil {
		return a.searched(ctx, o.search(ctx, app, query), query.Kind, limit)
	}
	ids := make([]video.ID, len(args))
	for i, arg := range args {
		ids[i] = video.ID(arg)
	}
	if o.many != nil {
		all, err := o.many(ctx, app, ids)
		return errors.Join(a.answers(all), err)
	}
	var all []answered
	for _, id := range ids {
		v, err := o.one(ctx, app, id)
		all = append(all, answered{id, v, err})
		if ctx.Err() != nil {
			break
		}
	}
	return a.answers(all)
}

// answers prints what was said of each id: one that fails does not hide the others.
func (a *tool) answers(all []answered) error {
	rows := a.rows("asset", "field", "value")
	var faults []error
	for _, one := range all {
		if one.err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", one.id, one.err))
			continue
		}
		fields, err := fieldsOf(one.value)
		if err != nil {
			return err
		}
		if a.json() {
			rows.Add(map[string]any{"asset": one.id, "answer": fields})
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			rows.Add(nil, one.id, name, report.Short{Text: fieldText(fields[name]), Width: 120})
		}
	}
	return errors.Join(append(faults, rows.Print())...)
}

// searched prints the hits of a search.
func (a *tool) searched(ctx context.Context, hits iter.Seq2[video.Found, error], kind video.Kind, limit int) error {
	out := finder{tool: a, list: a.listing(), rows: a.rows("id", "kind", "status", ">bytes", ">seconds", "uploaded", "category", "tags", "title")}
	at, more := a.clock(ctx), false
	for found, err := range hits {
		if err != nil {
			return err
		}
		if more = limit > 0 && out.found == limit; more {
			break
		}
		l, value := insight.Line{Media: video.Media{Video: found.Video}}, any(found.Video)
		if kind == video.KindImage {
			l, value = insight.Line{Image: &found.Image}, found.Image
		}
		if a.json() {
			fields, err := fieldsOf(value)
			if err == nil {
				err = out.list.add(fields)
			}
			if err != nil {
				return err
			}
			out.found++
			continue
		}
		facts := insight.FactsOf(l, at)
		if err := out.add(insight.Asset{Line: l, Facts: &facts}); err != nil {
			return err
		}
	}
	err := out.finish()
	if more {
		err = errors.Join(err, a.warn("there are more than %s: --limit 0 lists all", report.Number(limit)))
	}
	return err
}

// fieldsOf is a noun by the names of its JSON, with its addresses unsigned.
func fieldsOf(v any) (map[string]any, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var fields map[string]any
	if err := d.Decode(&fields); err != nil {
		return nil, err
	}
	if nanos, ok := fields["duration"].(json.Number); ok {
		n, _ := nanos.Float64()
		delete(fields, "duration")
		fields["seconds"] = n / 1e9
	}
	for name, value := range fields {
		fields[name] = unsignedIn(value)
	}
	return fields, nil
}

func unsignedIn(value any) any {
	switch v := value.(type) {
	case string:
		if strings.Contains(v, "://") {
			return unsigned(v)
		}
	case []any:
		for i := range v {
			v[i] = unsignedIn(v[i])
		}
	}
	return value
}

// signedPath is the beginning of a path that a CDN has signed: a time of twelve digits and a
// hash, or a hash and a time of eight hex digits.
var signedPath = regexp.MustCompile(`^/(\d{12}/[0-9a-fA-F]{32}|[0-9a-fA-F]{32}/[0-9a-fA-F]{8})/`)

const leftOutOfURL = "(left out)"

// unsigned is an address without whatever lets its reader fetch the file.
func unsigned(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return leftOutOfURL
	}
	path := signedPath.ReplaceAllString(u.Path, "/"+leftOutOfURL+"/")
	if u.RawQuery != "" || u.Fragment != "" {
		path += "?" + leftOutOfURL
	}
	return u.Scheme + "://" + u.Host + path
}

func fieldText(v any) string {
	if text, ok := v.(string); ok {
		return text
	}
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

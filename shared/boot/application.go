package boot

import (
	"context"
	"fmt"

	"vodcurator/shared/video"
)

// The rights below read media by id, and only those of APP_ID's application, where it is
// set. Another's is not found, and neither is one of which VOD does not tell whose it is:
// what cannot be read is neither tagged nor changed, whoever asks for it. Searches are
// limited by the client.

// Media is the right to vod.Client.Media within the application.
func (a *App) Media() MediaRight {
	return within(a.Scope.App, a.VOD.Media, func(m video.Media) string { return m.App })
}

// Videos is the right to vod.Client.Videos within the application.
func (a *App) Videos() VideosRight {
	return within(a.Scope.App, a.VOD.Videos, func(v video.Video) string { return v.App })
}

// Images is the right to vod.Client.Images within the application.
func (a *App) Images() ImagesRight {
	return within(a.Scope.App, a.VOD.Images, func(i video.Image) string { return i.App })
}

// within limits a call that reads many.
func within[T any](app string, read func(context.Context, []video.ID) ([]video.Answer[T], error), of func(T) string) func(context.Context, []video.ID) ([]video.Answer[T], error) {
	if app == "" {
		return read
	}
	return func(ctx context.Context, ids []video.ID) ([]video.Answer[T], error) {
		answers, err := read(ctx, ids)
		for i := range answers {
			if answers[i].Err != nil {
				continue
			}
			if other := foreign(app, of(answers[i].Value)); other != nil {
				var nothing T
				answers[i].Value, answers[i].Err = nothing, other
			}
		}
		return answers, err
	}
}

// foreign is the error about a media that is not of the application.
func foreign(app, is string) error {
	switch {
	case app == "" || is == app:
		return nil
	case is == "":
		return fmt.Errorf("%w in application %s: VOD does not tell of which application it is", video.ErrNotFound, app)
	}
	return fmt.Errorf("%w in application %s: it is of application %s", video.ErrNotFound, app, is)
}

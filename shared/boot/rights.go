package boot

import (
	"context"
	"iter"
	"time"

	"vodcurator/shared/queue"
	"vodcurator/shared/state"
	"vodcurator/shared/state/edits"
	"vodcurator/shared/video"
)

// Each type below is one right: one method of a client, and no way to the others.
// A function's main wires its job with just the rights that the job needs,
//
//	Library: struct {
//		boot.SearchRight
//		boot.MediaRight
//	}{app.VOD.Search, app.VOD.Media}
//
// and the linker drops the rest, so that purgeplan's binary holds no deleting
// call. Putting the whole client into an interface would keep all of it: the
// expression language looks methods up by name, and the linker must then keep
// every method that somebody could ask for.
type (
	// SearchRight is vod.Client.Search.
	SearchRight func(context.Context, video.Query) iter.Seq2[video.Found, error]
	// MediaRight is vod.Client.Media.
	MediaRight func(context.Context, []video.ID) ([]video.Answer[video.Media], error)
	// CategoriesRight is vod.Client.Categories.
	CategoriesRight func(context.Context) ([]video.Category, error)
	// VideosRight is vod.Client.Videos.
	VideosRight func(context.Context, []video.ID) ([]video.Answer[video.Video], error)
	// ImagesRight is vod.Client.Images.
	ImagesRight func(context.Context, []video.ID) ([]video.Answer[video.Image], error)
	// UpdateRight is vod.Client.Update.
	UpdateRight func(context.Context, []video.Update) ([]video.Outcome, error)
	// UpdateImagesRight is vod.Client.UpdateImages.
	UpdateImagesRight func(context.Context, []video.Update) ([]video.Outcome, error)
	// DeleteVideosRight is vod.Client.DeleteVideos.
	DeleteVideosRight func(context.Context, []video.ID) ([]video.Outcome, error)
	// DeleteSourcesRight is vod.Client.DeleteSources.
	DeleteSourcesRight func(context.Context, []video.ID, bool) ([]video.Outcome, error)
	// DeleteStreamsRight is vod.Client.DeleteStreams.
	DeleteStreamsRight func(context.Context, video.ID, []string) ([]video.Outcome, error)
	// DeleteImagesOfRight is vod.Client.DeleteImagesOf.
	DeleteImagesOfRight func(context.Context, video.ID, ...string) error
	// RefreshRight is vod.Client.RefreshPlayURLs.
	RefreshRight func(context.Context, []video.ID) ([]video.Outcome, error)
	// SetStorageClassRight is vod.Client.SetStorageClass.
	SetStorageClassRight func(ctx context.Context, ids []video.ID, class string, sourceOnly, early bool) ([]video.Outcome, error)
	// RemoveRight is state.Remove: of objects under STATE.
	RemoveRight func(context.Context, string) error
	// SendRight is queue.Client.Send.
	SendRight func(context.Context, string, []queue.Message) ([]queue.Sent, error)
	// ReceiveRight is queue.Client.Receive.
	ReceiveRight func(context.Context, string, int, time.Duration) ([]queue.Received, error)
	// DeleteRight is queue.Client.Delete: of messages, once they are dealt with.
	DeleteRight func(context.Context, string, []string) ([]error, error)
	// ExtendRight is queue.Client.Extend.
	ExtendRight func(context.Context, string, string, time.Duration) (string, time.Time, error)
)

// Search is vod.Client.Search.
func (f SearchRight) Search(ctx context.Context, q video.Query) iter.Seq2[video.Found, error] {
	return f(ctx, q)
}

// Media is vod.Client.Media.
func (f MediaRight) Media(ctx context.Context, ids []video.ID) ([]video.Answer[video.Media], error) {
	return f(ctx, ids)
}

// Categories is vod.Client.Categories.
func (f CategoriesRight) Categories(ctx context.Context) ([]video.Category, error) { return f(ctx) }

// Videos is vod.Client.Videos.
func (f VideosRight) Videos(ctx context.Context, ids []video.ID) ([]video.Answer[video.Video], error) {
	return f(ctx, ids)
}

// Images is vod.Client.Images.
func (f ImagesRight) Images(ctx context.Context, ids []video.ID) ([]video.Answer[video.Image], error) {
	return f(ctx, ids)
}

// Update is vod.Client.Update.
func (f UpdateRight) Update(ctx context.Context, updates []video.Update) ([]video.Outcome, error) {
	return f(ctx, updates)
}

// UpdateImages is vod.Client.UpdateImages.
func (f UpdateImagesRight) UpdateImages(ctx context.Context, updates []video.Update) ([]video.Outcome, error) {
	return f(ctx, updates)
}

// DeleteVideos is vod.Client.DeleteVideos.
func (f DeleteVideosRight) DeleteVideos(ctx context.Context, ids []video.ID) ([]video.Outcome, error) {
	return f(ctx, ids)
}

// DeleteSources is vod.Client.DeleteSources.
func (f DeleteSourcesRight) DeleteSources(ctx context.Context, ids []video.ID, force bool) ([]video.Outcome, error) {
	return f(ctx, ids, force)
}

// DeleteStreams is vod.Client.DeleteStreams.
func (f DeleteStreamsRight) DeleteStreams(ctx context.Context, id video.ID, jobs []string) ([]video.Outcome, error) {
	return f(ctx, id, jobs)
}

// DeleteImagesOf is vod.Client.DeleteImagesOf.
func (f DeleteImagesOfRight) DeleteImagesOf(ctx context.Context, id video.ID, types ...string) error {
	return f(ctx, id, types...)
}

// RefreshPlayURLs is vod.Client.RefreshPlayURLs.
func (f RefreshRight) RefreshPlayURLs(ctx context.Context, ids []video.ID) ([]video.Outcome, error) {
	return f(ctx, ids)
}

// SetStorageClass is vod.Client.SetStorageClass.
func (f SetStorageClassRight) SetStorageClass(ctx context.Context, ids []video.ID, class string, sourceOnly, early bool) ([]video.Outcome, error) {
	return f(ctx, ids, class, sourceOnly, early)
}

// RemoveFrom gives the right to remove objects of a state. It is no method of State, since
// every program that opens one would then hold the call.
func RemoveFrom(s *State) RemoveRight {
	return func(ctx context.Context, key string) error {
		store, err := s.Open(ctx)
		if err != nil {
			return err
		}
		return state.Remove(ctx, store, key)
	}
}

// Remove is state.Remove.
func (f RemoveRight) Remove(ctx context.Context, key string) error { return f(ctx, key) }

// Send is queue.Client.Send.
func (f SendRight) Send(ctx context.Context, name string, messages []queue.Message) ([]queue.Sent, error) {
	return f(ctx, name, messages)
}

// Receive is queue.Client.Receive.
func (f ReceiveRight) Receive(ctx context.Context, name string, limit int, wait time.Duration) ([]queue.Received, error) {
	return f(ctx, name, limit, wait)
}

// Delete is queue.Client.Delete.
func (f DeleteRight) Delete(ctx context.Context, name string, handles []string) ([]error, error) {
	return f(ctx, name, handles)
}

// Extend is queue.Client.Extend.
func (f ExtendRight) Extend(ctx context.Context, name, handle string, d time.Duration) (string, time.Time, error) {
	return f(ctx, name, handle, d)
}

// JournalRight takes away what the journal of metadata changes has replaced itself, and
// refuses every other key: it is for the library's writer alone.
type JournalRight struct{ State *State }

// Remove takes one replaced shard or index away.
func (r JournalRight) Remove(ctx context.Context, key string) error {
	store, err := r.State.Open(ctx)
	if err != nil {
		return err
	}
	return edits.RemoveReplaced(ctx, store, key)
}

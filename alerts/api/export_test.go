package api

// Routes are those of the table, "GET /api/v1/alerts".
func Routes() []string {
	var all []string
	for _, r := range (&api{}).routes() {
		all = append(all, r.method+" "+r.path)
	}
	return all
}

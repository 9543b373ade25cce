package conf

// others are directives with the same fate.
type others struct {
	in       context
	class    class
	block    bool
	why      string
	harmless string
	own      bool
	names    string
}

// otherDirectives are those of nginx that are known and not understood.
func otherDirectives() []others {
	const processes, files, kernel, logs, tls = "one process serves everything", "no files are served",
		"the runtime decides", "see the settings of log", "the TLS library decides"
	const instead = "it answers instead of the module"
	return []others{
		{in: inMain, why: processes, names: `daemon debug_points env load_module lock_file master_process pcre_jit pid ssl_engine
			ssl_object_cache_inheritable thread_pool timer_resolution user working_directory worker_cpu_affinity worker_priority worker_processes
			worker_rlimit_core worker_rlimit_nofile worker_shutdown_timeout google_perftools_profiles`, class: ignored},
		{in: inMain, block: true, why: "connections are limited by the system only", names: "events", class: ignored},
		{in: inMain, block: true, why: "not HTTP", names: "stream mail", class: differing},
		{in: inMain | inAny, why: logs, names: "error_log", class: ignored},
		{in: inAny | inLocationIf, why: logs, names: "access_log log_format open_log_file_cache log_subrequest log_not_found rewrite_log uninitialized_variable_warn", class: ignored},

		{in: inAny | inLocationIf, why: kernel, names: `sendfile sendfile_max_chunk tcp_nopush tcp_nodelay aio aio_write directio directio_alignment output_buffers
			read_ahead send_lowat subrequest_output_buffer_size client_body_buffer_size client_body_in_file_only client_body_in_single_buffer
			client_body_temp_path client_header_buffer_size large_client_header_buffers connection_pool_size request_pool_size
			reset_timedout_connection lingering_close lingering_time lingering_timeout keepalive_disable keepalive_min_timeout keepalive_time
			open_file_cache open_file_cache_errors open_file_cache_min_uses open_file_cache_valid resolver resolver_timeout
			server_names_hash_bucket_size server_names_hash_max_size types_hash_bucket_size types_hash_max_size variables_hash_bucket_size
			variables_hash_max_size map_hash_bucket_size map_hash_max_size http2 http2_body_preread_size http2_chunk_size
			http2_max_concurrent_streams http2_recv_buffer_size http3 http3_hq http3_max_concurrent_streams http3_stream_buffer_size quic_active_connection_id_limit
			quic_bpf quic_gso quic_host_key quic_retry ignore_invalid_headers underscores_in_headers preread_buffer_size`, class: ignored},
		{in: inAny | inLocationIf, why: "messages are sent at once", names: "postpone_output", class: ignored},
		{in: inAny | inLocationIf, why: files, names: `root alias index autoindex autoindex_exact_size autoindex_format autoindex_localtime
			disable_symlinks max_ranges etag if_modified_since gzip_static random_index absolute_redirect port_in_redirect
			server_name_in_redirect recursive_error_pages msie_padding msie_refresh`, class: ignored},
		{in: inAny | inLocationIf, why: "the module's refusals have no page", names: "error_page", class: ignored},
		{in: inAny, class: ignored, why: "compression is by the answer's type, length and the client's Accept-Encoding only", names: `gzip_buffers gzip_disable gzip_hash gzip_no_buffer gzip_proxied gzip_window postpone_gzipping gunzip gunzip_buffers
			brotli brotli_comp_level brotli_types brotli_static brotli_min_length brotli_buffers brotli_window zstd zstd_types zstd_comp_level zstd_min_length`},
		{in: inHTTP | inServer, why: tls, names: `ssl_protocols ssl_ciphers ssl_prefer_server_ciphers ssl_session_cache ssl_session_timeout
			ssl_session_tickets ssl_session_ticket_key ssl_dhparam ssl_ecdh_curve ssl_buffer_size ssl_stapling ssl_stapling_file
			ssl_stapling_responder ssl_stapling_verify ssl_early_data ssl_conf_command ssl_password_file ssl_ocsp ssl_ocsp_cache
			ssl_ocsp_responder ssl_trusted_certificate ssl_client_certificate ssl_crl ssl_verify_depth`, class: ignored},

		{in: inHTTP, block: true, why: "there is nothing to pass requests on to", names: "upstream", class: ignored},
		{in: inHTTP, block: true, why: "variables of a table are not supported", names: "map geo split_clients", class: ignored},
		{in: inHTTP, why: "used only by directives that are not supported", names: "limit_req_zone limit_conn_zone geoip_country geoip_city geoip_org geoip_proxy charset_map js_import js_path js_set", class: ignored},
		{
			in: inAny | inLocationIf, why: "used only by directives that are not supported", class: ignored,
			names: `limit_req_log_level limit_req_status limit_req_dry_run limit_conn_log_level limit_conn_status limit_conn_dry_run auth_basic_user_file
			auth_delay auth_request_set referer_hash_bucket_size referer_hash_max_size valid_referers secure_link secure_link_md5 secure_link_secret charset_types
			override_charset source_charset expires_by_type sub_filter_once sub_filter_types sub_filter_last_modified ssi_types ssi_value_length
			ssi_min_file_chunk ssi_silent_errors ssi_last_modified addition_types mirror_request_body limit_rate_after
			vhost_traffic_status vhost_traffic_status_zone`,
		},
		{in: inAny | inLocationIf, why: "Content-Type is sent as default_type says", names: "charset", class: differing, harmless: "off"},
		{in: inAny | inLocationIf, why: "the module's answers have their own Expires", names: "expires", class: differing, harmless: "off"},
		{in: inAny | inLocationIf, why: "the header Server does not say nginx", names: "server_tokens", class: ignored},
		{in: inHTTP | inServer, why: "slashes are always merged", names: "merge_slashes", class: differing, harmless: "on"},
		{in: inAny, why: "addresses are those of the connection", names: "set_real_ip_from real_ip_header real_ip_recursive", class: differing},

		{in: inLocation | inLocationIf, class: refused, own: true, why: instead, names: `proxy_pass fastcgi_pass uwsgi_pass scgi_pass grpc_pass memcached_pass stub_status empty_gif
			flv mp4 hls perl dav_methods js_content content_by_lua content_by_lua_file echo nchan_publisher nchan_subscriber nchan_pubsub`},
		{in: inServer | inLocation, class: refused, own: true, why: "it looks for files first", names: "try_files"},
		{in: inRewrite, class: refused, own: true, why: "it changes the path", names: "rewrite"},
		{in: inLocation, class: refused, own: true, why: "only internal redirects would come here", names: "internal"},
		{in: inAny, class: refused, why: "requests would be served without the check", names: "auth_basic auth_request auth_jwt", harmless: "off"},
		{in: inAny, class: refused, why: "requests would be served without the check", names: "allow", harmless: "all"},
		{in: inAny, class: refused, why: "requests would be served without the check", names: "deny"},
		{in: inLocation, class: refused, block: true, why: "requests would be served without the check", names: "limit_except"},
		{in: inHTTP | inServer, class: refused, why: "clients would be served without a certificate", names: "ssl_verify_client", harmless: "off"},
		{in: inHTTP | inServer, class: refused, why: "connections would be taken", names: "ssl_reject_handshake", harmless: "off"},
		{in: inAny, class: refused, why: "requests would be served without the check", names: "satisfy", harmless: "all"},
		{in: inAny, class: refused, why: "requests would be served without the limit", names: "limit_req limit_conn"},
		{in: inAny | inLocationIf, class: refused, why: "streams would be sent without the limit", names: "limit_rate", harmless: "0"},
		{in: inAny, class: refused, why: "answers would be sent as they are", names: "sub_filter add_before_body add_after_body image_filter xslt_stylesheet add_trailer"},
		{in: inAny | inLocationIf, class: refused, why: "answers would be sent as they are", names: "ssi chunked_filter", harmless: "off"},
		{in: inAny, class: refused, why: "bodies of unknown length would be chunked all the same", names: "chunked_transfer_encoding", harmless: "on"},
		{in: inAny, class: refused, why: "requests would not be copied", names: "mirror", harmless: "off"},
		{in: inAny, class: refused, why: "no cookie would be set", names: "userid", harmless: "off"},
		{in: inAny | inLocationIf, class: refused, why: "answers would be sent with other headers; use add_header", names: "more_set_headers more_clear_headers more_set_input_headers more_clear_input_headers"},
	}
}

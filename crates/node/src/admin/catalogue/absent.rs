//! Metrics of the Azure IoT Operations broker and its dataflows that there are not, and why.

/// Some of them with one reason.
pub(in crate::admin) struct Absent {
    pub(in crate::admin) names: &'static [&'static str],
    pub(in crate::admin) why: &'static str,
}

pub(in crate::admin) static ABSENT: &[Absent] = &[
    Absent {
        names: &[
            "aio_broker_state_store_insertions",
            "aio_broker_state_store_modifications",
            "aio_broker_state_store_deletions",
            "aio_broker_state_store_retrievals",
            "aio_broker_state_store_keynotify_requests",
            "aio_broker_state_store_notifications_sent",
        ],
        why: "There is no state store yet.",
    },
    Absent {
        names: &["aio_broker_disk_transfers_completed", "aio_broker_disk_transfers_failed"],
        why: "Nothing is moved from memory to disk: queued messages are in the log before they are acknowledged.",
    },
    Absent {
        names: &[
            "aio_broker_persistence_disk_usage",
            "aio_broker_persistence_disk_percent_available",
            "aio_broker_persistence_last_recovery_time",
            "aio_broker_persistence_dynamic_requests",
        ],
        why: "They come with `persistence`, which is refused as not there yet.",
    },
    Absent {
        names: &[
            "aio_broker_store_transfer_batch_sender_message_count",
            "aio_broker_store_transfer_batch_receiver_message_count",
            "aio_broker_store_transfer_batch_sender_transfer_bytes",
            "aio_broker_store_transfer_patch_tracker_sender_message_count",
            "aio_broker_store_transfer_patch_tracker_receiver_message_count",
            "aio_broker_store_transfer_ack_event_sender_message_count",
            "aio_broker_store_transfer_ack_event_receiver_message_count",
            "aio_broker_store_transfer_ack_event_sender_transfer_bytes",
            "aio_broker_patch_tracker_held_patches",
            "aio_broker_ack_handler_pending_transactions",
        ],
        why: "They describe the repair of a replication chain, of which there is none: one process holds one replica.",
    },
    Absent {
        names: &[
            "aio_broker_internal_client_connected",
            "aio_broker_internal_client_disconnected",
            "aio_broker_internal_client_removed",
        ],
        why: "Frontend and backend of one process talk over memory, not over connections.",
    },
    Absent {
        names: &["aio_dataflow_transformation_latency"],
        why: "There are no transformations yet: a message is ready to be sent when it is received.",
    },
    Absent {
        names: &[
            "aio_dataflow_active_dataflow_graphs",
            "aio_dataflow_graphs",
            "aio_dataflow_graph_modules",
            "aio_dataflow_graph_inputs",
            "aio_dataflow_graph_operators",
            "aio_dataflow_graph_errors",
            "aio_dataflow_graph_module_exit",
            "aio_dataflow_graph_messages_received",
            "aio_dataflow_graph_messages_sent",
            "aio_dataflow_graph_accumulated_messages",
            "aio_dataflow_graph_accumulated_bytes",
        ],
        why: "There are no DataflowGraphs yet.",
    },
];

DROP TABLE occurrence_mark, absence_setting, absence, agenda_address, plan_review, network_meeting, plan_consent, plan_line;
DROP FUNCTION refuse_plan_line_change();

// ScriptedModel
